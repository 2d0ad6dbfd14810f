//! What comes to the port, and what of it counts.

use url::Url;

use super::*;
use crate::cli::shell::tests::shell;

#[test]
fn only_the_callback_of_this_machine_is_heard() {
    let head = |line: &str, host: &str| format!("{line} HTTP/1.1\r\nHost: {host}\r\nX: y\r\n\r\n");
    let good = "GET /OauthRedirect?code=1&state=2";
    for (line, host, expected) in [
        (good, "localhost:7171", Ok("code=1&state=2")),
        (good, "127.0.0.1:7171", Ok("code=1&state=2")),
        (good, "[::1]:7171", Ok("code=1&state=2")),
        (good, "localhost:7172", Err("403 Forbidden")),
        (good, "localhost", Err("403 Forbidden")),
        (good, "evil.example:7171", Err("403 Forbidden")),
        ("POST /OauthRedirect?code=1", "localhost:7171", Err("405 Method Not Allowed")),
        ("GET /favicon.ico", "localhost:7171", Err("404 Not Found")),
        ("GET /OauthRedirect", "localhost:7171", Err("404 Not Found")),
        ("GET /other?code=1", "localhost:7171", Err("404 Not Found")),
        ("GET", "localhost:7171", Err("404 Not Found")),
    ] {
        let head = head(line, host);
        let found = query_of(&head, 7171).map_err(|(status, _)| status);
        assert_eq!(found, expected, "{line} {host}");
    }
    assert!(query_of("GET /OauthRedirect?code=1 HTTP/1.1\r\n\r\n", 7171).is_err(), "no host");
}

fn login(port: u16) -> Arc<WebLogin> {
    let url = Url::parse("https://login.salesforce.com").unwrap();
    Arc::new(WebLogin::begin(url, "3MVG9".to_owned(), None, port).unwrap())
}

fn state(login: &WebLogin) -> String {
    let address = login.address();
    let found = address.query_pairs().find(|(key, _)| key == "state");
    found.map(|(_, state)| state.into_owned()).unwrap()
}

async fn visit_with(port: u16, text: String) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

fn get(port: u16, query: &str) -> String {
    format!("GET /OauthRedirect?{query} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")
}

#[tokio::test]
async fn foreign_visits_and_idle_ones_do_not_end_the_wait() {
    let callback = Callback::listen(0).await.unwrap();
    let (port, folder) = (callback.port(), tempfile::tempdir().unwrap());
    let login = login(port);
    let state = state(&login);
    let (shell, _told) = shell(folder.path(), &[]);
    let waiting = tokio::spawn(async move { callback.code(login, true, &shell).await });
    // Browsers open connections ahead; this one never says anything.
    let idle = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    for query in ["code=stolen&state=wrong", "code=stolen", "error=access_denied"] {
        let page = visit_with(port, get(port, query)).await;
        assert!(page.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{page}");
        assert!(page.contains("does not belong"), "{page}");
    }
    let page = visit_with(port, get(port, &format!("code=right&state={state}"))).await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("You can close this window"), "{page}");
    assert!(!page.contains("right") && !page.contains(&state), "{page}");
    assert_eq!(waiting.await.unwrap().unwrap().reveal(), "right");
    drop(idle);
}

#[tokio::test]
async fn a_refusal_ends_the_wait_and_says_what_to_do() {
    let callback = Callback::listen(0).await.unwrap();
    let (port, folder) = (callback.port(), tempfile::tempdir().unwrap());
    let login = login(port);
    let query = format!(
        "error=access_denied&error_description=end-user+denied+authorization&state={}",
        state(&login)
    );
    let (shell, _told) = shell(folder.path(), &[]);
    let waiting = tokio::spawn(async move { callback.code(login, true, &shell).await });
    let page = visit_with(port, get(port, &query)).await;
    assert!(page.contains("The org has refused"), "{page}");
    let failure = waiting.await.unwrap().unwrap_err();
    assert_eq!(failure.blame, Blame::Access);
    assert_eq!(
        failure.message,
        "cannot sign in (browser): `login.salesforce.com` says: end-user denied authorization \
         (`access_denied`)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_does_not_come_back_is_not_waited_for_forever() {
    let callback = Callback::listen(0).await.unwrap();
    let login = login(callback.port());
    let folder = tempfile::tempdir().unwrap();
    let (shell, told) = shell(folder.path(), &[]);
    let failure = callback.code(login, false, &shell).await.unwrap_err();
    assert_eq!(failure.blame, Blame::Access);
    assert_eq!(failure.message, "the browser did not come back within 5 minutes");
    let told = crate::report::tests::text_of(&told.err);
    assert!(told.contains("cannot open a browser (there is no browser)"), "{told}");
    assert!(told.contains("https://login.salesforce.com/services/oauth2/authorize?"), "{told}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_the_way_out() {
    let callback = Callback::listen(0).await.unwrap();
    let failure = Callback::listen(callback.port()).await.err().unwrap();
    assert_eq!(failure.blame, Blame::Request);
    assert!(failure.hints[0].contains("--callback-port"), "{:?}", failure.hints);
}
