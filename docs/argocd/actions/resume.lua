-- Removed rather than set to false, so that nothing differs from a manifest without the field.
obj.spec.suspend = nil
return obj
