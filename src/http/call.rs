//! One request, with the promise that it makes about being repeated.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::transport::Body;

/// A request that has not been sent.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Body,
    pub repeat: Repeat,
    pub accept: Accept,
}

/// What may be done when the answer is bad or does not come.
///
/// Every call site says it; there is no default. [`super::judge`] is the only reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Twice is as good as once: reads, and writes that a second time changes nothing.
    Freely,
    /// Only when it is certain that the first time had no effect.
    IfNotDone,
    /// Only when nothing of it left this machine. For uploads: a refused upload has used up its
    /// job.
    IfNotSent,
}

/// What a success must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// A JSON document.
    Json,
    /// CSV; an HTML page instead is no success.
    Csv,
    /// An XML document, to its end. A SOAP fault, which comes with status 500, is an answer of the
    /// service too.
    Xml,
    /// Nobody reads it; but a web page, such as that of a proxy, acknowledges nothing.
    Anything,
}

impl Accept {
    fn media_type(self) -> &'static str {
        match self {
            Self::Json | Self::Anything => "application/json",
            Self::Csv => "text/csv",
            Self::Xml => "text/xml",
        }
    }
}

impl Call {
    /// A read.
    pub fn get(url: Url, accept: Accept) -> Self {
        Self::new(Method::GET, url, Body::Empty, Repeat::Freely, accept)
    }

    pub fn new(method: Method, url: Url, body: Body, repeat: Repeat, accept: Accept) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::ACCEPT, HeaderValue::from_static(accept.media_type()));
        Self { method, url, headers, body, repeat, accept }
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Says what the body is.
    #[must_use]
    pub fn content_type(self, media_type: &'static str) -> Self {
        self.header(http::header::CONTENT_TYPE, HeaderValue::from_static(media_type))
    }
}
