//! `fixtures/soap/`, from the org's side: it takes such requests and gives such answers.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::practice::org::{Cell, Change, Verb};
use crate::practice::rig::{Heard, Rig};

const SOAP: &str = "/services/Soap/u/64.0";

fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/soap/{name}.xml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// The elements of a document in their order, with their texts, whatever prefixes they have.
fn elements(text: &str) -> Vec<String> {
    let mut reader = Reader::from_str(text);
    let (mut path, mut all): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                all.push(path.join("/"));
            }
            Event::Empty(start) => {
                all.push(format!("{}/{}", path.join("/"), start.local_name().as_ref()));
            }
            Event::End(_) => drop(path.pop()),
            Event::Text(words) => {
                let words = words.xml10_content();
                if let Some(last) = all.last_mut().filter(|_| !words.trim().is_empty()) {
                    last.push('=');
                    last.push_str(words.trim());
                }
            }
            Event::Eof => return all,
            _ => {}
        }
    }
}

async fn post(rig: &Rig, name: &str) -> Heard {
    let body = fixture(name).replace("00DPr0000000001!AQ.EXAMPLE", &rig.token);
    let headers =
        [("content-type", "text/xml"), ("soapaction", "\"\""), ("host", "localhost:8080")];
    rig.send("POST", SOAP, &headers, &body).await
}

fn apply(rig: &Rig, verb: Verb, id: &str) {
    let rows = [vec![Cell::Text(id.to_owned())]];
    let columns = ["Id".to_owned()];
    let change = Change { object: "Account", verb, job: None, columns: &columns, rows: &rows };
    assert!(rig.practice.org().apply(&change)[0].error.is_none());
}

#[tokio::test]
async fn the_fixtures_are_what_the_practice_org_says() {
    let mut rig = Rig::new();
    let heard = post(&rig, "login-request").await;
    assert_eq!((heard.status.as_u16(), heard.header("content-type")), (200, super::XML));
    let text = heard.text();
    let session = text.split("<sessionId>").nth(1).unwrap().split('<').next().unwrap();
    let text = text.replace(session, "00DPr0000000001!AQ.EXAMPLE");
    assert_eq!(elements(&text), elements(&fixture("login-answer")));

    rig.token = session.to_owned();
    apply(&rig, Verb::Delete, "0018c00000ZgV6fAAF");
    let heard = post(&rig, "undelete-request").await;
    assert_eq!(heard.status, 200);
    assert_eq!(elements(&heard.text()), elements(&fixture("undelete-answer")));
}

#[tokio::test]
async fn what_is_refused_as_a_whole_is_a_fault() {
    let rig = Rig::new();
    let undelete = |ids: usize| {
        let ids = "<ids>0018c00000ZgV6fAAF</ids>".repeat(ids);
        format!(
            "<e:Envelope xmlns:e=\"x\"><e:Header><SessionHeader><sessionId>{}</sessionId>\
             </SessionHeader></e:Header><e:Body><undelete>{ids}</undelete></e:Body></e:Envelope>",
            rig.token
        )
    };
    let stranger = undelete(1).replace(&rig.token, "00D!none");
    for (path, action, body, code) in [
        (SOAP, true, undelete(201), "sf:EXCEEDED_ID_LIMIT"),
        (SOAP, true, stranger, "sf:INVALID_SESSION_ID"),
        (SOAP, false, undelete(1), "sf:Client"),
        (SOAP, true, "{}".to_owned(), "sf:Client"),
        (SOAP, true, undelete(1).replace("undelete>", "merge>"), "sf:INVALID_OPERATION"),
        ("/services/Soap/u/65.0", true, fixture("login-request"), "sf:INVALID_OPERATION"),
        (SOAP, true, fixture("login-request").replace(">practice<", ">x<"), "sf:INVALID_LOGIN"),
    ] {
        let headers = if action { &[("soapaction", "\"\"")][..] } else { &[] };
        let heard = rig.send("POST", path, headers, &body).await;
        assert_eq!(heard.status, 500, "{code}");
        assert!(
            heard.text().contains(&format!("<faultcode>{code}</faultcode>")),
            "{}",
            heard.text()
        );
    }
    let heard = rig.send("GET", SOAP, &[], "").await;
    assert_eq!(heard.status, 405);
}
