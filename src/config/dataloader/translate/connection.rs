//! Which org, and as whom: an alias takes the place of addresses, users and passwords.

use super::{Fate, Word, Work};

/// Keys of a sign-in; what they say is in the alias.
const SIGN_IN: [&str; 8] = [
    "sfdc.username",
    "sfdc.password",
    "sfdc.oauth.accesstoken",
    "sfdc.oauth.refreshtoken",
    "process.encryptionKeyFile",
    "salesforce.oauth.instanceURL",
    "sfdcInternal.sessionId",
    "sfdc.oauth.environment",
];

/// Addresses of orgs.
const ENDPOINTS: [&str; 3] = ["sfdc.endpoint", "sfdc.endpoint.Production", "sfdc.endpoint.Sandbox"];

impl Work<'_> {
    pub(super) fn connection(&mut self, alias: Option<&str>) {
        const ALIAS: &str = "longshore.targetOrg";
        let given = self.take(ALIAS);
        if let Some(given) = given {
            let text = match alias {
                Some(alias) => format!("`--target-org {alias}` overrules it"),
                None => format!("`--target-org {given}`"),
            };
            self.note(Fate::Carried, ALIAS, text);
        }
        let way = match alias.or(given) {
            Some(alias) => {
                self.words.extend([Word::text("--target-org"), Word::text(alias)]);
                format!("`--target-org {alias}` says it")
            }
            None => "`--target-org` or `LONGSHORE_TARGET_ORG` says it".to_owned(),
        };
        for key in ENDPOINTS {
            let Some(address) = self.take(key) else { continue };
            let kind =
                if address.contains("test.salesforce.com") { "; a sandbox is meant" } else { "" };
            self.note(Fate::Changed, key, format!("which org it is: {way}{kind}"));
        }
        for key in SIGN_IN {
            if self.take(key).is_none() {
                continue;
            }
            let text = match key {
                "sfdc.password" => {
                    "no password is carried over, and none is decrypted: sign in with a key or a \
                     client secret, by `longshore org login`"
                        .to_owned()
                }
                "sfdc.oauth.accesstoken" | "sfdc.oauth.refreshtoken" | "sfdcInternal.sessionId" => {
                    "no token is carried over, and none is decrypted: sign in by `longshore org \
                     login`"
                        .to_owned()
                }
                "process.encryptionKeyFile" => "nothing here is encrypted with it".to_owned(),
                _ => format!("who signs in: {way}"),
            };
            let fate = if super::is_secret(key) { Fate::Left } else { Fate::Changed };
            self.note(fate, key, text);
        }
        let proxy =
            ["sfdc.proxyHost", "sfdc.proxyPort", "sfdc.proxyUsername", "sfdc.proxyPassword"];
        for key in proxy {
            if self.take(key).is_some() {
                let text = "a proxy is taken from the environment: `HTTPS_PROXY`";
                self.note(Fate::Left, key, text);
            }
        }
        if self.take("sfdc.proxyNtlmDomain").is_some() {
            let text = "a proxy that wants NTLM is not supported";
            self.note(Fate::Left, "sfdc.proxyNtlmDomain", text);
        }
        if self.take("salesforce.api.version").is_some() {
            let text = "the version is chosen here, or by `LONGSHORE_API_VERSION`";
            self.note(Fate::Changed, "salesforce.api.version", text);
        }
    }
}
