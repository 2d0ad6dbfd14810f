//! Repeats, bounds and truncation, over a scripted wire in paused time.

use http::Method;
use url::Url;

use super::*;
use crate::http::call::Repeat;
use crate::http::scripted::{Canned, Scripted};
use crate::http::transport::Body;
use crate::model::secret::Secret;

fn url(path: &str) -> Url {
    Url::parse("https://acme.my.salesforce.com").unwrap().join(path).unwrap()
}

fn get() -> Call {
    Call::get(url("/services/data"), Accept::Json)
}

fn patch(repeat: Repeat) -> Call {
    Call::new(Method::PATCH, url("/job"), Body::Bytes("{}".into()), repeat, Accept::Json)
}

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_until_they_succeed() {
    let wire = Scripted::new([
        Canned::broken(Broken::Lost("reset".to_owned())),
        Canned::new(503, "<html>busy"),
        Canned::new(200, "<html>maintenance</html>"),
        Canned::json(200, "[1]"),
    ]);
    let client = wire.client();
    let Reply::Done(got) = client.call(&get()).await else { panic!("no success") };
    assert_eq!(&got.body[..], b"[1]");
    assert_eq!(client.counted(), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn reads_are_given_up_after_five_tries() {
    let wire = Scripted::new((0..9).map(|_| Canned::new(502, "")));
    let client = wire.client();
    let reply = client.call(&get()).await;
    assert!(matches!(reply, Reply::Refused(got, Certainty::Unknown) if got.status == 502));
    assert_eq!(client.counted(), (5, 4));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_sent_once_unless_it_is_certain_that_it_was_not_done() {
    let lost = || Canned::broken(Broken::Lost("reset".to_owned()));
    let unsent = || Canned::broken(Broken::NotSent("refused".to_owned()));
    let cases = [
        (Repeat::IfNotDone, lost(), 1),
        (Repeat::IfNotDone, Canned::new(500, ""), 1),
        (Repeat::IfNotDone, Canned::new(503, "").with("retry-after", "1"), 1),
        (Repeat::IfNotDone, Canned::json(200, "{\"cut"), 1),
        (Repeat::IfNotDone, Canned::new(429, ""), 2),
        (Repeat::IfNotDone, unsent(), 2),
        (Repeat::IfNotSent, Canned::new(429, ""), 1),
        (Repeat::IfNotSent, lost(), 1),
        (Repeat::IfNotSent, unsent(), 2),
        (Repeat::Freely, lost(), 2),
    ];
    for (repeat, first, requests) in cases {
        let wire = Scripted::new([first.clone(), Canned::json(200, "{}")]);
        let _reply = wire.client().call(&patch(repeat)).await;
        assert_eq!(wire.asked().len(), requests, "{repeat:?} {first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_and_told() {
    let wire =
        Scripted::new([Canned::new(429, "").with("retry-after", "99999"), Canned::json(200, "{}")]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let see = Arc::clone(&told);
    let mut settings = Settings::new(1, Arc::new(|| Timestamp::UNIX_EPOCH));
    settings.waiting = Arc::new(move |why, wait| {
        see.lock().unwrap().push((why.to_owned(), wait.as_secs()));
    });
    let client = Client::new(Arc::<Scripted>::clone(&wire), settings);
    let start = Instant::now();
    assert!(matches!(client.call(&patch(Repeat::IfNotDone)).await, Reply::Done(_)));
    assert_eq!(start.elapsed().as_secs(), limits::RETRY_AFTER_MAX_S);
    let why = "`acme.my.salesforce.com`: asked to slow down (status 429)".to_owned();
    assert_eq!(*told.lock().unwrap(), [(why, limits::RETRY_AFTER_MAX_S)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_answer() {
    let long = vec![b' '; limits::JSON_BYTES_MAX + 1];
    let deep = "[".repeat(10_000);
    for (canned, trouble) in [
        (
            Canned::new(200, "\n<html>\u{1b}[31m maintenance\n</html>"),
            "the answer (status 200) is not JSON, it begins `<html>[31m maintenance`",
        ),
        (Canned::json(200, ""), "the answer (status 200) is not JSON, it begins ``"),
        (Canned::json(200, &deep), "the answer (status 200) is not JSON, it begins `[[["),
        (Canned::new(200, long), "the answer is longer than 16777216 bytes"),
        (
            Canned::json(200, "{}").with("content-length", "9"),
            "the answer was lost: it ended after 2 of 9 bytes",
        ),
    ] {
        let wire = Scripted::new([canned]);
        let Reply::Failed(found, Certainty::Unknown) =
            wire.client().call(&patch(Repeat::IfNotDone)).await
        else {
            panic!("{trouble}");
        };
        assert!(found.to_string().starts_with(trouble), "{found}");
    }
}

#[tokio::test]
async fn a_page_acknowledges_no_upload() {
    for (canned, done) in [
        (Canned::new(201, ""), true),
        (Canned::json(200, "{}"), true),
        (Canned::new(200, "<html>maintenance</html>"), false),
        (Canned::new(200, "soon").with("content-type", "text/html"), false),
    ] {
        let wire = Scripted::new([canned]);
        let mut call = patch(Repeat::IfNotSent);
        call.accept = Accept::Anything;
        let reply = wire.client().call(&call).await;
        let unknown = matches!(reply, Reply::Failed(_, Certainty::Unknown));
        assert_eq!((matches!(reply, Reply::Done(_)), unknown), (done, !done), "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_starts_anew_after_a_cut_and_takes_no_page() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.csv");
    let wire = Scripted::new([
        Canned::csv("Id\n1\n2\n3\n").with("content-length", "900"),
        Canned::csv("<!DOCTYPE html><p>a page that is longer than the data</p>"),
        Canned::csv("Id\n1\n"),
    ]);
    let call = Call::get(url("/results"), Accept::Csv);
    let Reply::Done(got) = wire.client().download(&call, &path).await else { panic!() };
    assert_eq!(got.bytes, 5);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "Id\n1\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_that_cannot_be_written_is_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let wire = Scripted::new([Canned::csv("Id\n"), Canned::csv("Id\n")]);
    let call = Call::get(url("/results"), Accept::Csv);
    let reply = wire.client().download(&call, &dir.path().join("no/such/dir")).await;
    assert!(matches!(reply, Reply::Failed(Trouble::Disk(_), Certainty::NotDone)));
    assert_eq!(wire.left(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_notice_never_shows_a_secret() {
    let secret = Secret::new("canary-7f3a".to_owned());
    let wire = Scripted::new([
        Canned::broken(Broken::Lost("cut at canary-7f3a".to_owned())),
        Canned::broken(Broken::Lost("cut at canary-7f3a".to_owned())),
        Canned::broken(Broken::Lost("cut at canary-7f3a".to_owned())),
        Canned::broken(Broken::Lost("cut at canary-7f3a".to_owned())),
    ]);
    let told = Arc::new(Mutex::new(String::new()));
    let see = Arc::clone(&told);
    let mut settings = Settings::new(3, Arc::new(|| Timestamp::UNIX_EPOCH));
    settings.waiting = Arc::new(move |why, _| see.lock().unwrap().push_str(why));
    let client = Client::new(Arc::<Scripted>::clone(&wire), settings);
    client.redactor().learn(&secret);
    let _reply = client.call(&get()).await;
    let told = told.lock().unwrap();
    assert!(told.contains("cut at [secret]") && !told.contains("canary"), "{told}");
}
