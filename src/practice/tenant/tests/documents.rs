use super::*;

/// The page that tells people of the tenant.
const PAGE: &str = include_str!("../../../../docs/reference/practice-tenant.md");

/// The rows of the table below a heading, as cells.
fn table(heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let below = rest.split("\n## ").next().unwrap();
    let rows = below.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split(" | ").map(|cell| cell.trim_matches(['|', ' ']).to_owned()).collect())
        .collect()
}

#[test]
fn the_page_lists_every_switch_with_its_default() {
    let Value::Object(switches) = json!(Switches::default()) else { panic!("no object") };
    let listed: Vec<(String, String)> = table("Switches")
        .into_iter()
        .map(|row| {
            let default = row[1].split('`').nth(1).unwrap().to_owned();
            (row[0].trim_matches('`').to_owned(), default)
        })
        .collect();
    let expected: Vec<(String, String)> = switches
        .into_iter()
        .map(|(name, value)| {
            (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .collect();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn the_page_lists_every_call() {
    let desk = desk();
    let role = desk.tenant().roles()[0].0.clone();
    let user = encode(&desk.usual().id);
    let mut calls = 0;
    for row in table("Calls") {
        let path = row[0].trim_matches('`').to_owned();
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            let listed = row[1].contains(method);
            let real = path.replace("users/{id}", &format!("users/{user}"));
            let real = real.replace("roles/{id}", &format!("roles/{role}")).replace("{id}", "x");
            if method == "GET" && real.contains("/jobs/users-") {
                // A GET takes the word for the id of a job.
                continue;
            }
            // A bad body is refused by a call that there is; what is not there is not found.
            let heard = desk.rig.call(method, &real, if method == "GET" { "" } else { "[]" }).await;
            let missing = heard.status == 404 && message(&heard) == "Not Found";
            assert_eq!(missing, !listed, "{method} {real}: {}", heard.text());
            calls += usize::from(listed);
        }
    }
    assert_eq!(calls, 30);
}
