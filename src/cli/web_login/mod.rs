//! The address of this machine that a browser comes back to after a sign-in.
//!
//! It listens on loopback only, for one answer and not for long. A request that names another host,
//! or whose state is not that of this sign-in, is answered and forgotten, so that no other page and
//! no other program can end the sign-in or put its own code into it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::commands::tell;
use super::shell::Shell;
use crate::model::failure::{Blame, Failure};
use crate::model::limits;
use crate::model::secret::Secret;
use crate::target::salesforce::web::{Answered, CALLBACK_PATH, WebLogin};

/// A port that waits for a browser.
pub struct Callback {
    ears: Vec<TcpListener>,
    port: u16,
}

impl Callback {
    /// Listens on a port of loopback, by both kinds of address where there are both; 0 takes a free
    /// one.
    pub async fn listen(port: u16) -> Result<Self, Failure> {
        let cannot = |error: io::Error| {
            let message = format!("cannot listen on port {port} for the browser: {error}");
            Failure::new(Blame::Request, message)
                .hint("`--callback-port` takes another; the app must know the callback URL with it")
        };
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(cannot)?;
        let port = first.local_addr().map_err(cannot)?.port();
        // Browsers ask either for `localhost`; a machine without the newer kind does without.
        let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
        Ok(Self { ears: [Some(first), second].into_iter().flatten().collect(), port })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends the person to the org, unless `by_hand`, and waits for the code.
    pub async fn code(
        self,
        login: Arc<WebLogin>,
        by_hand: bool,
        shell: &Shell,
    ) -> Result<Secret, Failure> {
        let address = login.address();
        let host = address.host_str().unwrap_or_default().to_owned();
        tell(
            shell,
            &format!("sign in to `{host}` in the browser and allow the app:\n  {address}\n"),
        );
        if !by_hand && let Err(error) = (shell.browser)(address.as_str()) {
            let note =
                format!("note: cannot open a browser ({error}); open the address yourself\n");
            tell(shell, &note);
        }
        let minutes = limits::WEB_LOGIN_S / 60;
        tell(shell, &format!("waiting for the browser, for {minutes} minutes at most\n"));
        let waiting = self.answer(login);
        match tokio::time::timeout(Duration::from_secs(limits::WEB_LOGIN_S), waiting).await {
            Ok(Ok(Answered::Code(code))) => Ok(code),
            Ok(Ok(Answered::Refused(fault))) => Err(fault.into()),
            Ok(Ok(Answered::Foreign)) => Err(Failure::new(Blame::Run, "the browser said nothing")),
            Ok(Err(error)) => {
                let message = format!("cannot listen for the browser: {error}");
                Err(Failure::new(Blame::Run, message))
            }
            Err(_) => {
                let message = format!("the browser did not come back within {minutes} minutes");
                Err(Failure::new(Blame::Access, message).hint(format!(
                    "if the org showed an error about the callback, enter `http://localhost:{}{}` \
                     in the app",
                    self.port, CALLBACK_PATH
                )))
            }
        }
    }

    /// The first request that belongs to the sign-in.
    async fn answer(&self, login: Arc<WebLogin>) -> io::Result<Answered> {
        let mut visits = JoinSet::new();
        loop {
            let room = visits.len() < limits::CALLBACK_CONNECTIONS_MAX;
            tokio::select! {
                Some(visit) = visits.join_next() => {
                    if let Ok(Some(answered)) = visit {
                        return Ok(answered);
                    }
                }
                accepted = accept(&self.ears), if room => {
                    let (login, port) = (Arc::clone(&login), self.port);
                    let stream = accepted?;
                    let patience = Duration::from_secs(limits::CALLBACK_S);
                    visits.spawn(async move {
                        let visit = tokio::time::timeout(patience, visit(stream, &login, port));
                        visit.await.ok()?.ok()?
                    });
                }
            }
        }
    }
}

async fn accept(ears: &[TcpListener]) -> io::Result<TcpStream> {
    let (stream, _) = match ears {
        [one, other] => tokio::select! {
            accepted = one.accept() => accepted?,
            accepted = other.accept() => accepted?,
        },
        [one, ..] => one.accept().await?,
        [] => return Err(io::Error::other("no port is open")),
    };
    Ok(stream)
}

/// One connection; `None` unless it was the answer.
async fn visit(mut stream: TcpStream, login: &WebLogin, port: u16) -> io::Result<Option<Answered>> {
    let Some(head) = read_head(&mut stream).await? else { return Ok(None) };
    let answered = match query_of(&head, port) {
        Ok(query) => login.read(query),
        Err((status, text)) => {
            write_page(&mut stream, status, text).await?;
            return Ok(None);
        }
    };
    let (status, text) = match &answered {
        Answered::Code(_) => ("200 OK", DONE),
        Answered::Refused(_) => ("200 OK", REFUSED),
        Answered::Foreign => ("400 Bad Request", FOREIGN),
    };
    // What came counts, whether or not the browser still wants to hear of it.
    let written = write_page(&mut stream, status, text).await;
    if let Err(error) = written {
        tracing::debug!(%error, "The browser did not wait for its page.");
    }
    Ok(Some(answered).filter(|answered| !matches!(answered, Answered::Foreign)))
}

const DONE: &str = "The org has answered. You can close this window and go back to the terminal.";
const REFUSED: &str = "The org has refused. You can close this window; the terminal says why.";
const FOREIGN: &str = "This does not belong to the sign-in that is waiting here.";

/// The head of a request; `None` when it is cut off or too long.
async fn read_head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut piece = [0; 1_024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let bytes = stream.read(&mut piece).await?;
        if bytes == 0 || head.len() + bytes > limits::CALLBACK_BYTES_MAX {
            return Ok(None);
        }
        head.extend_from_slice(&piece[..bytes]);
    }
    Ok(String::from_utf8(head).ok())
}

/// The query of a request for the callback address, or what to answer instead.
///
/// The host is checked, because a foreign page can give this machine a name of its own.
fn query_of(head: &str, port: u16) -> Result<&str, (&'static str, &'static str)> {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let host = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, host)| host.trim());
    let ours = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}"));
    if !host.is_some_and(|host| ours.iter().any(|ours| ours == host)) {
        return Err(("403 Forbidden", "This address is for the sign-in of this machine only."));
    }
    if method != "GET" {
        return Err(("405 Method Not Allowed", "Only a browser that comes back is expected here."));
    }
    match target.split_once('?') {
        Some((path, query)) if path == CALLBACK_PATH => Ok(query),
        _ => Err(("404 Not Found", "There is nothing here.")),
    }
}

async fn write_page(stream: &mut TcpStream, status: &str, text: &str) -> io::Result<()> {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>longshore</title>\
         <p>{text}</p></html>\n"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\n\
         content-length: {}\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\n\
         content-security-policy: default-src 'none'\r\nx-content-type-options: nosniff\r\n\
         connection: close\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests;
