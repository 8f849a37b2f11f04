-- Health of a zoom-operator.io ZoomIntegration or ZoomConnection for Argo CD. Conditions are found by type, in whatever order they come;
-- message texts are shown, never judged.

local function describe(condition, fallback)
  local reason, message = condition.reason, condition.message
  if reason ~= nil and reason ~= "" and message ~= nil and message ~= "" then
    return reason .. ": " .. message
  end
  if message ~= nil and message ~= "" then
    return message
  end
  if reason ~= nil and reason ~= "" then
    return reason
  end
  return fallback
end

local function health(status, message)
  return {status = status, message = message}
end

local metadata, spec, status = obj.metadata or {}, obj.spec or {}, obj.status

if metadata.deletionTimestamp ~= nil then
  return health("Progressing", "Being deleted")
end
if spec.suspend == true then
  return health("Suspended", "Suspended by spec.suspend")
end
-- The API server writes observedGeneration -1 when it stores a new object.
if status == nil or status.observedGeneration ~= metadata.generation then
  return health("Progressing", "Waiting for zoom-operator to see the latest change")
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local function is(name, value)
  return conditions[name] ~= nil and conditions[name].status == value
end

if is("Stalled", "True") then
  return health("Degraded", describe(conditions.Stalled, "A person has to change something"))
end
if is("Ready", "True") then
  local message = describe(conditions.Ready, "Ready")
  if is("TokenFresh", "False") then
    message = message .. " (token refresh is failing: " .. describe(conditions.TokenFresh, "unknown reason") .. ")"
  end
  return health("Healthy", message)
end
if is("Ready", "False") then
  local reason = conditions.Ready.reason
  if reason == "ReadyToInstall" or reason == "NotValidated" or reason == "AwaitingCredentials" or reason == "AwaitingImport" then
    return health("Suspended", describe(conditions.Ready, reason))
  end
  return health("Degraded", describe(conditions.Ready, "Not ready"))
end
return health("Progressing", describe(conditions.Ready or conditions.Reconciling or {}, "Working"))
