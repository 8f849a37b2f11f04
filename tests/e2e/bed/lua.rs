//! Argo CD's own interpreter, on our scripts.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::Value;

use super::tools;

/// Runs a script of `docs/argocd` as Argo CD does, with the object as the global `obj`; what it returns.
pub async fn run(script: &str, object: &Value) -> anyhow::Result<Value> {
    let path = tools::repository().join("docs/argocd").join(script);
    let script = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut program = String::from("obj = ");
    write_value(object, &mut program);
    let _ = write!(
        program,
        "\nlocal function script()\n{script}\nend\n{TO_JSON}\nprint(json(script()))\n"
    );
    let file = tempfile::NamedTempFile::with_suffix(".lua")?;
    std::fs::write(file.path(), program)?;
    let said = tools::must("glua", &[&file.path().to_string_lossy()]).await?;
    serde_json::from_str(&said).with_context(|| format!("no JSON: {said}"))
}

/// An empty table counts as an object.
const TO_JSON: &str = r#"
local function json(value)
  if type(value) == "string" then
    return '"' .. value:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
  end
  if type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  if #value > 0 then
    for _, item in ipairs(value) do table.insert(parts, json(item)) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, item in pairs(value) do table.insert(parts, json(key) .. ":" .. json(item)) end
  return "{" .. table.concat(parts, ",") .. "}"
end
"#;

fn write_value(value: &Value, into: &mut String) {
    match value {
        Value::Null => into.push_str("nil"),
        Value::Bool(_) | Value::Number(_) => {
            let _ = write!(into, "{value}");
        }
        Value::String(text) => write_string(text, into),
        Value::Array(items) => {
            into.push('{');
            for item in items {
                write_value(item, into);
                into.push(',');
            }
            into.push('}');
        }
        Value::Object(fields) => {
            into.push('{');
            for (key, value) in fields {
                into.push('[');
                write_string(key, into);
                into.push_str("]=");
                write_value(value, into);
                into.push(',');
            }
            into.push('}');
        }
    }
}

fn write_string(text: &str, into: &mut String) {
    into.push('"');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b" .:,-/_".contains(&byte) {
            into.push(char::from(byte));
        } else {
            let _ = write!(into, "\\{byte:03}");
        }
    }
    into.push('"');
}
