//! Versions and resources.

use http::Method;
use serde_json::{Map, Value, json};

use super::reply::{Refusal, Reply};
use super::{Call, Outcome};

/// Versions that are served. Source: the end-of-life policy, 21 to 30 are retired; 67 is
/// Summer '26.
const OLDEST: u32 = 31;
const NEWEST: u32 = 67;

/// `GET /services/data`, which needs no sign-in.
pub(super) fn versions(call: &Call<'_>) -> Outcome {
    if call.method != Method::GET && call.method != Method::HEAD {
        return Err(Refusal::method(&call.method));
    }
    let all: Vec<Value> = (OLDEST..=NEWEST)
        .map(|version| {
            json!({
                "label": label(version),
                "url": format!("/services/data/v{version}.0"),
                "version": format!("{version}.0"),
            })
        })
        .collect();
    Ok(Reply::ok(json!(all)))
}

/// The release's name: v60 is Spring '24, and there are three a year.
fn label(version: u32) -> String {
    // Counted from Spring '14, v30.
    let since = version - 30;
    let year = 14 + since / 3;
    match since % 3 {
        0 => format!("Spring '{year}"),
        1 => format!("Summer '{year}"),
        _ => format!("Winter '{}", year + 1),
    }
}

/// Reads `v62.0`.
pub(super) fn version(text: &str) -> Result<u32, Refusal> {
    let number = text.strip_prefix(['v', 'V']).and_then(|text| text.strip_suffix(".0"));
    match number.and_then(|number| number.parse().ok()) {
        Some(number @ OLDEST..=NEWEST) => Ok(number),
        Some(7..OLDEST) => {
            Err(Refusal::new(410, "GONE", format!("API version {text} is no longer available")))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// `GET /services/data/vXX.0`.
pub(super) fn resources(call: &Call<'_>, version: u32) -> Outcome {
    if call.method != Method::GET {
        return Err(Refusal::method(&call.method));
    }
    let names = ["sobjects", "query", "queryAll", "limits", "composite", "jobs"];
    let map: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!(format!("/services/data/v{version}.0/{name}"))))
        .collect();
    Ok(Reply::ok(Value::Object(map)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_have_their_names() {
        for (version, name) in
            [(31, "Summer '14"), (58, "Summer '23"), (60, "Spring '24"), (62, "Winter '25")]
        {
            assert_eq!(label(version), name);
        }
    }

    #[test]
    fn only_supported_versions_are_taken() {
        for (text, expected) in [
            ("v31.0", Ok(31)),
            ("v67.0", Ok(67)),
            ("v30.0", Err(410)),
            ("v7.0", Err(410)),
            ("v68.0", Err(404)),
            ("v62", Err(404)),
            ("62.0", Err(404)),
            ("vnull", Err(404)),
        ] {
            let got = version(text).map_err(|refusal| refusal.status.as_u16());
            assert_eq!(got, expected, "{text}");
        }
    }
}
