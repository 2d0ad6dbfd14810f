//! Pages of lists: by number, cut at 1,000 records, and by cursor.

use serde_json::{Map, Value, json};

use super::reply::{Refusal, Reply};
use super::switches::PageAcrossCap;
use super::wire::Call;

/// Records that pages by number reach. Source: section 0, fact 8.
pub(super) const CAP: usize = 1_000;

/// How an endpoint words the refusal behind the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cap {
    /// No cursor exists.
    Search,
    /// There is a cursor.
    Members,
    /// The list can not be that long, or nothing is known.
    None,
}

/// A page by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) start: usize,
    /// As asked for.
    pub(super) limit: usize,
    /// Fewer than `limit` where the page is cut at the cap.
    pub(super) count: usize,
    pub(super) totals: bool,
}

impl Page {
    /// Reads `page`, `per_page` and `include_totals`. Texts: sections 2.3, 2.4 and 3.
    pub(super) fn of(call: &Call<'_>, cap: Cap) -> Result<Self, Refusal> {
        let page = number(call, "page", "Page index of the results to return. First page is 0", 0)?;
        let least = usize::from(cap != Cap::Search);
        let text = "Number of results per page. Defaults to 50";
        let limit = between(call, "per_page", text, least, 100)?.unwrap_or(50);
        let totals = match call.param("include_totals") {
            None | Some("false" | "") => false,
            Some("true") => true,
            Some(_) => {
                let text = "'Expected type boolean but found type string' on property \
                            include_totals (Return results inside an object)";
                return Err(Refusal::query(text));
            }
        };
        let start = page.saturating_mul(limit);
        let mut count = limit;
        let across = call.switches.page_across_cap;
        let behind = start >= CAP || (start + limit > CAP && across == PageAcrossCap::Refused);
        if cap != Cap::None && limit > 0 && behind {
            return Err(beyond(cap, page));
        }
        if cap != Cap::None {
            count = limit.min(CAP.saturating_sub(start));
        }
        Ok(Self { start, limit, count, totals })
    }

    /// The bare array, or the object with the totals.
    pub(super) fn reply(self, key: &str, items: Vec<Value>, total: usize) -> Reply {
        if !self.totals {
            return Reply::ok(Value::Array(items));
        }
        let mut body = Map::new();
        body.insert(key.to_owned(), Value::Array(items));
        body.insert("start".to_owned(), json!(self.start));
        body.insert("limit".to_owned(), json!(self.limit));
        body.insert("total".to_owned(), json!(total));
        Reply::ok(Value::Object(body))
    }

    /// The items of this page.
    pub(super) fn cut<T>(self, items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        items.skip(self.start).take(self.count)
    }
}

fn beyond(cap: Cap, page: usize) -> Refusal {
    let text = if cap == Cap::Search {
        "You can only page through the first 1000 records. See \
         https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation"
            .to_owned()
    } else {
        format!(
            "Requesting page {page} exceeds the allowed maximum of 1000 records. To fetch results \
             beyond 1000, use the checkpoint pagination method."
        )
    };
    Refusal::new(400, "invalid_paging", text)
}

/// `take` of a list by cursor; none when the request pages by number.
pub(super) fn take(call: &Call<'_>) -> Result<Option<usize>, Refusal> {
    let text = "Number of results per page. Defaults to 50";
    let take = between(call, "take", text, 1, 100)?;
    Ok(take.or_else(|| call.param("from").map(|_| 50)))
}

fn between(
    call: &Call<'_>,
    name: &str,
    text: &str,
    least: usize,
    most: usize,
) -> Result<Option<usize>, Refusal> {
    if call.param(name).is_none() {
        return Ok(None);
    }
    let value = number(call, name, text, 0)?;
    let fault = if value > most {
        format!("'Value {value} is greater than maximum {most}'")
    } else if value < least {
        format!("'Value {value} is less than minimum {least}'")
    } else {
        return Ok(Some(value));
    };
    Err(Refusal::query(&format!("{fault} on property {name} ({text})")))
}

fn number(call: &Call<'_>, name: &str, text: &str, usual: usize) -> Result<usize, Refusal> {
    let Some(value) = call.param(name) else { return Ok(usual) };
    if value.starts_with('-') && value.parse::<i64>().is_ok() {
        let fault = format!("'Value {value} is less than minimum 0' on property {name} ({text})");
        return Err(Refusal::query(&fault));
    }
    value.parse().map_err(|_| {
        let fault = "'Expected type integer but found type string'";
        Refusal::query(&format!("{fault} on property {name} ({text})"))
    })
}
