//! STAND-IN for the client engineer's file of this name: only the signatures count.

use std::path::Path;
use std::sync::Arc;

use crate::http::client::Client;
use crate::http::transport::Body;
use crate::model::ids::JobId;
use crate::model::names::ObjectName;
use crate::model::schema::{LoadSchema, ObjectSchema, OrgFacts};
use crate::model::sign_in::SignIn;
use crate::target::{ApiUsage, Fault, FaultClass, JobSpec, JobStatus, Outcome, ResultFile, Target};

/// A signed-in org.
#[derive(Clone)]
pub struct Salesforce {
    client: Client,
    sign_in: Arc<SignIn>,
}

impl Salesforce {
    pub async fn sign_in(client: Client, sign_in: SignIn) -> Result<Self, Fault> {
        let target = Self { client, sign_in: Arc::new(sign_in) };
        target.touch().await;
        Ok(target)
    }

    async fn touch(&self) -> Fault {
        let uri = format!("{}services/data", self.sign_in.instance_url);
        let request = http::Request::get(uri).body(Body::Empty);
        let said = match request {
            Ok(request) => match self.client.transport.send(request).await {
                Ok(answer) => format!("the org answers {}", answer.status()),
                Err(broken) => broken.to_string(),
            },
            Err(error) => error.to_string(),
        };
        Fault {
            class: FaultClass::Unavailable,
            status: None,
            code: "stand_in".to_owned(),
            message: said,
            hints: Vec::new(),
        }
    }
}

impl Target for Salesforce {
    async fn facts(&self) -> Result<OrgFacts, Fault> {
        Err(self.touch().await)
    }
    async fn objects(&self) -> Result<Vec<ObjectSchema>, Fault> {
        Err(self.touch().await)
    }
    async fn describe(&self, _object: &ObjectName) -> Result<ObjectSchema, Fault> {
        Err(self.touch().await)
    }
    async fn load_schema(&self, _: &ObjectName, _: &[String]) -> Result<LoadSchema, Fault> {
        Err(self.touch().await)
    }
    async fn reserve(&self, _spec: &JobSpec) -> Outcome<JobId> {
        Outcome::NotDone(self.touch().await)
    }
    async fn stage(&self, _: &JobId, _: &Path, _: u64) -> Outcome<()> {
        Outcome::NotDone(self.touch().await)
    }
    async fn commit(&self, _job: &JobId) -> Outcome<()> {
        Outcome::NotDone(self.touch().await)
    }
    async fn ask(&self, _job: &JobId) -> Outcome<JobStatus> {
        Outcome::NotDone(self.touch().await)
    }
    async fn abandon(&self, _job: &JobId) -> Outcome<()> {
        Outcome::NotDone(self.touch().await)
    }
    async fn download(&self, _: &JobId, _: ResultFile, _: &Path) -> Outcome<u64> {
        Outcome::NotDone(self.touch().await)
    }
    fn usage(&self) -> ApiUsage {
        ApiUsage::default()
    }
}
