//! Agreeing on an API version.

use serde::Deserialize;

use super::either;
use super::session::{Request, Session};
use crate::model::limits;
use crate::target::{Fault, FaultClass};

/// Oldest version that has all that is used here. Source: `sf__Id` in failed results, v53.0.
const OLDEST: u32 = 53;

#[derive(Deserialize)]
struct Offered {
    version: String,
}

/// Picks a version such as `62.0`: the wanted one if it is offered, else [`limits::API_VERSION`] if
/// it is offered, else the highest. Source: `GET /services/data`, a list of objects.
pub(super) async fn negotiate(session: &Session, wanted: Option<&str>) -> Result<String, Fault> {
    let request = Request::get("ask for the API versions", "/services/data".to_owned());
    let offered: Vec<Offered> = either(session.fetch(&request).await)?;
    let offered: Vec<_> = offered.into_iter().map(|offered| offered.version).collect();
    choose(&offered, wanted).map_err(|message| Fault {
        class: FaultClass::Refused,
        status: None,
        code: "UNSUPPORTED_API_VERSION".to_owned(),
        message: format!("`{}` {message}", session.host()),
        hints: vec!["leave `LONGSHORE_API_VERSION` unset to have a version negotiated".to_owned()],
    })
}

fn choose(offered: &[String], wanted: Option<&str>) -> Result<String, String> {
    let major = |version: &str| version.strip_suffix(".0")?.parse::<u32>().ok();
    let has = |version: &str| offered.iter().any(|offered| offered == version);
    let highest = offered.iter().filter_map(|version| major(version)).max();
    let Some(highest) = highest else {
        return Err("offers no API version".to_owned());
    };
    match wanted {
        Some(version) if has(version) => Ok(version.to_owned()),
        Some(version) => {
            Err(format!("does not offer API version `{version}`, at most `{highest}.0`"))
        }
        None if has(limits::API_VERSION) => Ok(limits::API_VERSION.to_owned()),
        None if highest >= OLDEST => Ok(format!("{highest}.0")),
        None => Err(format!("offers API version `{highest}.0` at most, we need `{OLDEST}.0`")),
    }
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn versions() {
        for (offered, wanted, chosen) in [
            (&["59.0", "62.0", "67.0"][..], None, Ok("62.0")),
            (&["59.0", "60.0"], None, Ok("60.0")),
            // Numbers, not text: 100.0 is more than 99.0.
            (&["99.0", "100.0", "63.0"], None, Ok("100.0")),
            (&["59.0", "67.0"], Some("67.0"), Ok("67.0")),
            (&["59.0"], Some("67.0"), Err("does not offer API version `67.0`, at most `59.0`")),
            (&["31.0"], None, Err("offers API version `31.0` at most, we need `53.0`")),
            (&["null", "../../x"], None, Err("offers no API version")),
            (&[], None, Err("offers no API version")),
        ] {
            let offered: Vec<_> = offered.iter().map(|version| (*version).to_owned()).collect();
            let expected = chosen.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(choose(&offered, wanted), expected);
        }
    }
}
