//! Kubernetes quantities: `0.5`, `500m`, `1Gi`.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const KIBI: i128 = 1024;
const KILO: i128 = 1000;

/// The value of a quantity in thousandths; `None` if the text is not a quantity.
#[must_use]
pub fn thousandths(text: &str) -> Option<i128> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let factor = match suffix {
        "m" => 1,
        "" => KILO,
        "k" => KILO.pow(2),
        "M" => KILO.pow(3),
        "G" => KILO.pow(4),
        "T" => KILO.pow(5),
        "P" => KILO.pow(6),
        "E" => KILO.pow(7),
        "Ki" => KILO * KIBI,
        "Mi" => KILO * KIBI.pow(2),
        "Gi" => KILO * KIBI.pow(3),
        "Ti" => KILO * KIBI.pow(4),
        "Pi" => KILO * KIBI.pow(5),
        "Ei" => KILO * KIBI.pow(6),
        _ => KILO * KILO_POWERS.checked_pow(exponent(suffix)?)?,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 {
        return None;
    }
    let unit = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let value = digits.checked_mul(factor)?;
    (value % unit == 0).then_some(value / unit)
}

/// The base of a decimal exponent.
const KILO_POWERS: i128 = 10;

/// `e3` and `E3`.
fn exponent(suffix: &str) -> Option<u32> {
    let digits = suffix.strip_prefix(['e', 'E'])?;
    digits.parse().ok().filter(|exponent| *exponent <= 18)
}

/// Whether a quantity is known to be as large as another one.
#[must_use]
pub fn at_least(quantity: &Quantity, least: &Quantity) -> bool {
    let (quantity, least) = (thousandths(&quantity.0), thousandths(&least.0));
    quantity.is_some() && quantity >= least
}

/// Whole bytes of a quantity; `None` if it is not a quantity, or too large.
#[must_use]
pub fn bytes(quantity: &Quantity) -> Option<u64> {
    u64::try_from(thousandths(&quantity.0)? / KILO).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_bytes() {
        for (text, size) in [
            ("1Gi", Some(1 << 30)),
            ("1500M", Some(1_500_000_000)),
            ("1.5Gi", Some(3 << 29)),
            ("1e9", Some(1_000_000_000)),
            ("123", Some(123)),
            ("1Xi", None),
            ("", None),
        ] {
            assert_eq!(bytes(&Quantity(text.into())), size, "{text}");
        }
    }
}
