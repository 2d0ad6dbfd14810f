//! Secrets planted in every source of secrets, and a search for them in everything that is left.
//!
//! Each row of [`SOURCES`] is a way to sign in; with each, commands end well, are refused, fail at
//! the far side, panic and are killed, at the highest log level and in both formats. Then
//! every stream, every file and every command line of a process is searched for every secret, in
//! every form of [`crate::secrets`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use longshore::practice::mischief::{BodyKind, Fault, Rule};
use longshore::practice::{Application, Org, SeedSize, Tenant, TenantSize, TokenRefusal};

use crate::secrets::{found_below, found_in, needles, taken};
use crate::world::{Ran, World, fixture};

/// A secret of the app that can be told from everything else.
const CLIENT_SECRET: &str = "c4n4ry/app+secret=9f3a";
const WRONG: &str = "wr0ng-c4n4ry+of/nobody=";
const WRONG_PASSWORD: &str = "pa<ss>&w0rd-c4n4ry\"+t0k3n";
const PASSPHRASE: &str = "open-sesame";
/// What the Salesforce CLI says besides, and nobody asked for.
const SF_SECRET: &str = "5Aep861-c4n4ry-of-sf-b7";

/// A way to sign in: its name, and what it puts into the environment and on the disk.
type Source = (&'static str, fn(&Scene, &mut Command));

const SOURCES: [Source; 9] = [
    ("client credentials", |_, command| {
        command.env("LONGSHORE_CLIENT_SECRET", CLIENT_SECRET);
    }),
    ("wrong client secret", |_, command| {
        command.env("LONGSHORE_CLIENT_SECRET", WRONG);
    }),
    ("jwt under a passphrase", |scene, command| {
        command
            .env("LONGSHORE_JWT_KEY_FILE", &scene.key)
            .env("LONGSHORE_JWT_KEY_PASSPHRASE", PASSPHRASE)
            .env("LONGSHORE_USERNAME", scene.world.practice().org().username());
    }),
    ("wrong password", |scene, command| {
        command
            .env_remove("LONGSHORE_CLIENT_ID")
            .env("LONGSHORE_USERNAME", scene.world.practice().org().username())
            .env("LONGSHORE_PASSWORD", WRONG_PASSWORD);
    }),
    ("refresh token", |scene, command| {
        command
            .env("LONGSHORE_REFRESH_TOKEN", scene.world.practice().issue_refresh_token())
            .env("LONGSHORE_CLIENT_SECRET", CLIENT_SECRET);
    }),
    ("access token", |scene, command| {
        command
            .env_remove("LONGSHORE_CLIENT_ID")
            .env("LONGSHORE_ACCESS_TOKEN", scene.world.practice().issue_token());
    }),
    ("kept org", |scene, command| {
        without_sign_in(command);
        command.env("LONGSHORE_TARGET_ORG", "kept").env("LONGSHORE_CONFIG_DIR", scene.config());
    }),
    ("org that is spoiled", |scene, command| {
        without_sign_in(command);
        command.env("LONGSHORE_TARGET_ORG", "spoiled").env("LONGSHORE_CONFIG_DIR", scene.config());
    }),
    ("Salesforce CLI", |scene, command| {
        without_sign_in(command);
        let path = format!("{}:/usr/bin:/bin", scene.world.path("bin").display());
        command
            .env("LONGSHORE_TARGET_ORG", "sf")
            .env("LONGSHORE_CONFIG_DIR", scene.config())
            .env("PATH", path)
            // Of no use for this way, and none of sf's business.
            .env("LONGSHORE_JWT_KEY_PASSPHRASE", PASSPHRASE);
    }),
];

fn without_sign_in(command: &mut Command) {
    command.env_remove("LONGSHORE_INSTANCE_URL").env_remove("LONGSHORE_CLIENT_ID");
}

/// How a command is made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Well,
    /// The token endpoint refuses and repeats what it was sent.
    Refused,
    /// The service repeats tokens in its error bodies.
    Echoed,
    /// The session ends in the middle.
    Renewed,
    Panic,
    Kill,
}

const ENDS: [End; 6] = [End::Well, End::Refused, End::Echoed, End::Renewed, End::Panic, End::Kill];

/// A world with every source in it.
struct Scene {
    world: World,
    key: PathBuf,
    /// Command lines of all processes that were seen.
    lines: BTreeSet<Vec<u8>>,
}

impl Scene {
    fn new(world: World) -> Self {
        set_up(&world, None);
        let key =
            world.file("bin/app.pem", std::fs::read(fixture("keys/jwt-pkcs8-aes256.pem")).unwrap());
        private(&key, 0o600);
        let scene = Self { world, key, lines: BTreeSet::new() };
        scene.world.file("accounts.csv", "Name\nAnna\nBert\n");
        scene.keep();
        scene
    }

    fn config(&self) -> PathBuf {
        self.world.path("config")
    }

    /// Orgs under the aliases `kept`, `spoiled` and `sf`, and a program that answers as `sf` does.
    fn keep(&self) {
        let origin = self.world.origin();
        let token = self.world.practice().issue_refresh_token();
        let file = |refresh: &str| {
            format!(
                "kind = \"salesforce\"\ninstance_url = \"{origin}\"\n\n[sign_in]\nway = \
                 \"refresh-token\"\nclient_id = \"practice-client\"\nclient_secret = \
                 \"{CLIENT_SECRET}\"\nrefresh_token = {refresh}\n"
            )
        };
        let sf = format!(
            "kind = \"salesforce\"\ninstance_url = \"{origin}\"\n\n[sign_in]\nway = \
             \"salesforce-cli\"\nalias = \"acme\"\n"
        );
        for (name, text) in
            [("kept", file(&format!("\"{token}\""))), ("spoiled", file(&token)), ("sf", sf)]
        {
            private(&self.world.file(&format!("config/orgs/{name}.toml"), text), 0o600);
        }
        let given = self.world.practice().issue_token();
        let script = format!(
            "#!/bin/sh\nenv >> env-of-sf.txt\necho '{SF_SECRET}' >&2\ncase \"$*\" in\n\
             *show-access-token*) echo '{{\"status\":0,\"result\":{{\"accessToken\":\"{given}\",\
             \"sfdxAuthUrl\":\"force://id:{SF_SECRET}@x\"}}}}' ;;\n\
             *) echo '{{\"status\":0,\"result\":{{\"accessToken\":\"[REDACTED]\",\
             \"instanceUrl\":\"{origin}\",\"username\":\"jo@acme.example\",\
             \"clientSecret\":\"{SF_SECRET}\"}}}}' ;;\nesac\n"
        );
        private(&self.world.file("bin/sf", script), 0o755);
    }

    /// Runs a command to its end, with an eye on the command lines of it and its children.
    fn run(&mut self, source: Source, end: End, json: bool, args: &[&str]) -> Ran {
        let format = if json { "json" } else { "text" };
        let mut command = self.world.command(&[args, &["-vv", "--log-format", format]].concat());
        command.env_remove("LONGSHORE_CLIENT_SECRET");
        source.1(self, &mut command);
        match end {
            End::Panic => command.env("LONGSHORE_FAULTS", "sync:2:panic"),
            End::Kill => command.env("LONGSHORE_FAULTS", "sync:3:kill"),
            _ => &mut command,
        };
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.watch(&mut child);
        Ran::of(&child.wait_with_output().unwrap())
    }

    #[cfg(target_os = "linux")]
    fn watch(&mut self, child: &mut Child) {
        let line = |process: &Path| std::fs::read(process.join("cmdline")).unwrap_or_default();
        let (_keep, never) = std::sync::mpsc::sync_channel::<()>(0);
        for _ in 0..20 {
            let own = PathBuf::from(format!("/proc/{}", child.id()));
            self.lines.insert(line(&own));
            for task in std::fs::read_dir(own.join("task")).into_iter().flatten().flatten() {
                let children = std::fs::read_to_string(task.path().join("children"));
                for id in children.unwrap_or_default().split_whitespace() {
                    self.lines.insert(line(&PathBuf::from(format!("/proc/{id}"))));
                }
            }
            if child.try_wait().unwrap().is_some() {
                return;
            }
            let _waited = never.recv_timeout(std::time::Duration::from_millis(2)).is_err();
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn watch(&mut self, _: &mut Child) {}

    /// Every secret there is, and where it was found.
    fn found(&self) -> Vec<String> {
        let issued = self.world.practice().issued();
        let key = std::fs::read_to_string(&self.key).unwrap();
        let clear = std::fs::read_to_string(fixture("keys/jwt-pkcs8.pem")).unwrap();
        // A line of a key is as good as a secret of its own.
        let lines = key.lines().chain(clear.lines()).filter(|line| line.len() == 64);
        let secrets = issued.iter().map(String::as_str).chain(lines).chain([
            CLIENT_SECRET,
            WRONG,
            WRONG_PASSWORD,
            PASSPHRASE,
            SF_SECRET,
        ]);
        let needles = needles(secrets);
        let mut found = found_in("what was said", &taken(), &needles);
        found.extend(found_below(&self.world.path(""), &needles));
        for line in &self.lines {
            found.extend(found_in("a command line", line, &needles));
        }
        found
    }
}

fn private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn set_up(world: &World, refuses: Option<TokenRefusal>) {
    let application = Application {
        client_secret: CLIENT_SECRET.to_owned(),
        requires_secret: true,
        rotates_refresh_tokens: true,
        refuses,
        ..Application::default()
    };
    world.practice().set_application(application);
}

fn world() -> World {
    World::of(Org::new(&SeedSize { users: 5, permission_sets: 4 }))
}

/// What the far side does for an end.
fn arrange(world: &World, end: End) {
    world.practice().mischief().clear();
    let issued = world.practice().issued().join(" ");
    let refusal = TokenRefusal {
        status: 400,
        error: "invalid_grant".to_owned(),
        description: format!("bad request: {{sent}} {issued}"),
    };
    set_up(world, (end == End::Refused).then_some(refusal));
    let rule = |path: &str, fault| Rule {
        method: "*".to_owned(),
        path: path.to_owned(),
        nth: 1,
        times: 0,
        fault,
    };
    let mischief = world.practice().mischief();
    match end {
        End::Echoed => {
            let text = world.practice().issue_token();
            mischief.add(rule(
                "*/jobs/*",
                Fault::Answer {
                    status: 400,
                    code: "BAD".to_owned(),
                    message: format!("what is {text}?"),
                    body: BodyKind::Json,
                    retry_after: None,
                    effect: false,
                },
            ));
        }
        End::Renewed => {
            mischief.add(Rule { times: 1, ..rule("*/jobs/ingest", Fault::ExpireSessions) });
        }
        _ => {}
    }
}

#[test]
fn no_secret_of_any_source_is_found_anywhere() {
    let mut scene = Scene::new(world());
    let mut codes = BTreeSet::new();
    for (turn, source) in SOURCES.into_iter().enumerate() {
        let (plan, out) = (format!("{turn}.plan.toml"), format!("{turn}-out.csv"));
        for (number, end) in ENDS.into_iter().enumerate() {
            arrange(&scene.world, end);
            let load = ["insert", "Account", "accounts.csv", "--yes"];
            codes.insert(scene.run(source, end, number % 2 == 0, &load).code);
        }
        arrange(&scene.world, End::Well);
        for args in [
            &["plan", "insert", "Account", "accounts.csv", "--output", &plan][..],
            &["export", "SELECT Name FROM Account", "--output", &out],
            &["runs", "--json"],
        ] {
            codes.insert(scene.run(source, End::Well, true, args).code);
        }
        let found = scene.found();
        assert!(found.is_empty(), "{}: {found:#?}", source.0);
    }
    // They ended as they were meant to: well, refused here and there, panicked, killed.
    for code in [0, 1, 2, 4, -1] {
        assert!(codes.contains(&code), "{code} is not among {codes:?}");
    }
    #[cfg(target_os = "linux")]
    assert!(scene.lines.iter().any(|line| memchr::memmem::find(line, b"--log-format").is_some()));
    let environment = scene.world.read("env-of-sf.txt");
    assert!(environment.contains("LONGSHORE_TARGET_ORG=sf"), "{environment}");
}

#[test]
fn no_secret_of_commands_about_orgs_is_found_anywhere() {
    let mut scene = Scene::new(world());
    let origin = scene.world.origin().to_owned();
    let login = ["org", "login", "new", "--instance-url", &origin, "--way"];
    let id = ["--client-id", "practice-client"];
    let key = scene.key.to_str().unwrap().to_owned();
    let user = scene.world.practice().org().username();
    for end in [End::Well, End::Refused, End::Echoed] {
        arrange(&scene.world, end);
        for (source, way) in [
            (SOURCES[0], vec!["client-credentials"]),
            (SOURCES[1], vec!["client-credentials"]),
            (SOURCES[2], vec!["jwt", "--username", &user, "--jwt-key-file", &key]),
            (SOURCES[3], vec!["password", "--username", &user]),
            (SOURCES[4], vec!["refresh-token"]),
            (SOURCES[5], vec!["access-token"]),
        ] {
            // A variable of another way must not be in the way.
            let args = [&login[..], &way, &id].concat();
            let config = scene.config();
            let mut command = scene.world.command(&args);
            command.env_remove("LONGSHORE_CLIENT_SECRET").env("LONGSHORE_CONFIG_DIR", &config);
            source.1(&scene, &mut command);
            Ran::of(&command.args(["-vv"]).output().unwrap());
        }
        for args in [
            &["org", "list"][..],
            &["org", "show", "kept"],
            &["org", "show", "kept", "--json"],
            &["org", "show", "spoiled"],
            &["org", "show", "sf"],
            &["org", "list", "--json"],
        ] {
            scene.run(SOURCES[8], end, false, args);
        }
    }
    arrange(&scene.world, End::Well);
    for alias in ["kept", "spoiled", "sf"] {
        scene.run(SOURCES[8], End::Well, false, &["org", "logout", alias]);
    }
    let found = scene.found();
    assert!(found.is_empty(), "{found:#?}");
}

/// A folder of Data Loader holds a password and a key, and whatever is made of it holds neither.
#[test]
fn no_secret_of_a_folder_of_data_loader_is_found_anywhere() {
    let world = world();
    let (password, proxy) = ("c4n4ry0f7a1b9c3d5e7f9a1b3c5d7e9f", "c4n4ry-of-the-proxy-4e");
    let (token, clear) = ("c4n4ry-0auth-t0ken-d2", "c4n4ry-in-clear-0b");
    world.file(
        "bin/conf/config.properties",
        format!(
            "sfdc.endpoint=https://login.salesforce.com\nsfdc.username=jo@acme.example\n\
             sfdc.password={password}\nsfdc.proxyHost=proxy.example\nsfdc.proxyPort=3128\n\
             sfdc.proxyUsername=clerk\nsfdc.proxyPassword={proxy}\n\
             sfdc.oauth.accesstoken={token}\nprocess.encryptionKeyFile=key.txt\n"
        ),
    );
    world.file("bin/conf/accounts.sdl", "Name=Name\n");
    world.file("bin/conf/accounts.csv", "Name\nAnna\n");
    world.file(
        "bin/conf/process-conf.xml",
        format!(
            "<!DOCTYPE beans PUBLIC \"-//SPRING//DTD BEAN//EN\" \
             \"http://www.springframework.org/dtd/spring-beans.dtd\">\n<beans><bean id=\"insert\" \
             class=\"com.salesforce.dataloader.process.ProcessRunner\" singleton=\"false\">\
             <property name=\"name\" value=\"insert\"/><property name=\"configOverrideMap\"><map>\
             <entry key=\"sfdc.entity\" value=\"Account\"/>\
             <entry key=\"process.operation\" value=\"insert\"/>\
             <entry key=\"process.mappingFile\" value=\"accounts.sdl\"/>\
             <entry key=\"dataAccess.name\" value=\"accounts.csv\"/>\
             <entry key=\"dataAccess.type\" value=\"csvRead\"/>\
             <entry key=\"sfdc.password\" value=\"{clear}\"/>\
             </map></property></bean></beans>\n"
        ),
    );
    let mut made = false;
    for format in ["text", "json"] {
        let args = ["import", "data-loader", "bin/conf", "--to", "jobs", "--overwrite"];
        let ran = world.run(&[&args[..], &["-vv", "--log-format", format]].concat());
        made |= ran.code == 0;
    }
    assert!(made, "{}", String::from_utf8_lossy(&taken()));
    let needles = needles([password, proxy, token, clear]);
    let mut found = found_in("what was said", &taken(), &needles);
    found.extend(found_below(&world.path(""), &needles));
    assert!(found.is_empty(), "{found:#?}");
}

/// `process` signs in with what a folder holds, encrypted, and leaves none of it behind.
#[test]
fn no_secret_that_process_signs_in_with_is_found_anywhere() {
    let mut scene = Scene::new(world());
    let origin = scene.world.origin().to_owned();
    let user = scene.world.practice().org().username();
    let token = scene.world.practice().issue_token();
    scene.world.run(&["process", "--encrypt", "-k", "bin/my.key"]).expect(0);
    let sealed = [&token, WRONG_PASSWORD].map(|text| {
        let args = ["process", "--encrypt", "-e", "-", "bin/my.key"];
        let ran = scene.world.run_with_input(&args, text.as_bytes()).expect(0);
        ran.stdout.trim().to_owned()
    });
    // Whoever encrypts is shown the value.
    let _shown = taken();
    scene.world.file("bin/conf/accounts.sdl", "Name=Name\n");
    let folder: Source = ("folder", |_, command| without_sign_in(command));
    let mut codes = BTreeSet::new();
    for (key, value) in ["sfdc.oauth.accesstoken", "sfdc.password"].iter().zip(&sealed) {
        scene.world.file(
            "bin/conf/config.properties",
            format!(
                "sfdc.endpoint={origin}\nsalesforce.oauth.instanceURL={origin}\n\
                 sfdc.username={user}\n{key}={value}\n\
                 process.encryptionKeyFile=bin/my.key\nprocess.operation=insert\n\
                 sfdc.entity=Account\nprocess.mappingFile=bin/conf/accounts.sdl\n\
                 dataAccess.type=csvRead\ndataAccess.name=accounts.csv\n\
                 process.outputSuccess=good.csv\nprocess.outputError=bad.csv\n"
            ),
        );
        // A token of a folder cannot be renewed, so its session ends last.
        let ends = [End::Well, End::Refused, End::Echoed, End::Panic, End::Kill, End::Renewed];
        for (number, end) in ends.into_iter().enumerate() {
            arrange(&scene.world, end);
            let args = ["process", "bin/conf", "--yes", "--runs-dir", "runs"];
            codes.insert(scene.run(folder, end, number % 2 == 0, &args).code);
        }
    }
    for code in [0, 1, 2, -1] {
        assert!(codes.contains(&code), "{code} is not among {codes:?}");
    }
    let mut found = found_below(&scene.world.path(""), &needles(sealed.iter().map(String::as_str)));
    found.extend(scene.found());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_secret_of_an_auth0_tenant_is_found_anywhere() {
    let world = World::with_tenant(Tenant::new(&TenantSize::default()));
    world.file("users.csv", "user,permission\nauth0|1,read:x\n");
    let token = world.practice().issue_tenant_token(&["read:users"]).unwrap();
    let wrong = "c4n4ry-of-auth0-77d1";
    for (name, value) in [
        ("LONGSHORE_CLIENT_SECRET", "practice-secret"),
        ("LONGSHORE_CLIENT_SECRET", wrong),
        ("LONGSHORE_ACCESS_TOKEN", &token),
        ("LONGSHORE_ACCESS_TOKEN", "eyJhbGciOiJub25lIn0.e30.c4n4ry-signature"),
    ] {
        for format in ["text", "json"] {
            for args in [["objects"].as_slice(), &["export", "users", "--output", "u.csv"]] {
                let mut command = world.command(args);
                command
                    .args(["-vv", "--log-format", format])
                    .env("LONGSHORE_TARGET_KIND", "auth0")
                    .env_remove("LONGSHORE_CLIENT_SECRET")
                    .env(name, value);
                Ran::of(&command.output().unwrap());
            }
        }
    }
    let needles =
        needles(["practice-secret", wrong, &token, "eyJhbGciOiJub25lIn0.e30.c4n4ry-signature"]);
    let mut found = found_in("what was said", &taken(), &needles);
    found.extend(found_below(&world.path(""), &needles));
    assert!(found.is_empty(), "{found:#?}");
}
