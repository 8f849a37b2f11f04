-- What can be asked of a ZoomIntegration or a ZoomConnection of zoom-operator.io in Argo CD.

local spec = obj.spec or {}
local suspended = spec.suspend == true
local leaving = obj.metadata.deletionTimestamp ~= nil
local actions = {}

-- A General app has no token of its own, unless it has a bot: its connections have.
if obj.kind == "ZoomConnection" or (spec.app ~= nil and (spec.app.kind == "ServerToServer" or spec.app.chatbot ~= nil)) then
  actions["refresh"] = {
    ["disabled"] = leaving or suspended,
    ["displayName"] = "Get a new token",
    ["iconClass"] = "fa fa-fw fa-rotate"
  }
end
if obj.kind == "ZoomIntegration" then
  actions["suspend"] = {
    ["disabled"] = leaving or suspended,
    ["displayName"] = "Suspend",
    ["iconClass"] = "fa fa-fw fa-pause"
  }
  actions["resume"] = {
    ["disabled"] = leaving or not suspended,
    ["displayName"] = "Resume",
    ["iconClass"] = "fa fa-fw fa-play"
  }
end
return actions
