//! `zoom-operator doctor` against the offline Zoom.

use serde_json::{Value, json};
use zoom_sim::{Options, Server};

use crate::process::{Program, Said};

const ID: &str = "TheClientId0001";
const SECRET: &str = "TheClientSecret000000000000000001";
const ACCOUNT: &str = "TheAccountId001";
const TOKEN: &str = "TheWebhookSecretToken1";
const SCOPE: &str = "user:read:list_users:admin";

struct Zoom {
    oauth: String,
    admin: String,
    http: reqwest::Client,
}

impl Zoom {
    /// With an app of either kind.
    async fn start() -> Self {
        zoom_sim::install_crypto();
        let server = Server::bind(Options::on_loopback()).await.unwrap();
        let zoom = Self {
            oauth: format!("http://{}", server.zoom_addr()),
            admin: format!("http://{}", server.admin_addr()),
            http: reqwest::Client::new(),
        };
        tokio::spawn(server.run(std::future::pending()));
        let app = json!({
            "kind": "ServerToServer", "client_secret": SECRET, "account_id": ACCOUNT,
            "scopes": [SCOPE], "active": true,
        });
        zoom.put(&format!("apps/{ID}"), &app).await;
        let general = json!({
            "kind": "General", "management": "User", "client_secret": SECRET,
            "account_id": ACCOUNT, "scopes": ["user:read:user"], "active": true,
        });
        zoom.put("apps/General0000001", &general).await;
        zoom
    }

    async fn put(&self, path: &str, body: &Value) {
        let request = self.http.put(format!("{}/{path}", self.admin));
        let answer = request.json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
    }

    /// The doctor's opinion of the environment's credentials; no secret is in it.
    async fn asked(&self, args: &[&str], environment: &[(&str, &str)]) -> Said {
        let mut program = self.doctor(args);
        for (name, value) in environment {
            program = program.env(name, value);
        }
        silent(program.run().await)
    }

    fn doctor(&self, args: &[&str]) -> Program {
        let zoom = [
            "doctor",
            "--zoom-oauth-url",
            &self.oauth,
            "--zoom-api-url",
            &self.oauth,
        ];
        Program::new().args(&zoom).args(args)
    }
}

fn silent(said: Said) -> Said {
    for secret in [SECRET, TOKEN] {
        assert!(!said.stdout.contains(secret), "{}", said.stdout);
        assert!(!said.stderr.contains(secret), "{}", said.stderr);
    }
    said
}

fn environment<'a>(id: &'a str, secret: &'a str, account: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("ZOOM_CLIENT_ID", id),
        ("ZOOM_CLIENT_SECRET", secret),
        ("ZOOM_ACCOUNT_ID", account),
    ]
}

const SERVER: [&str; 3] = ["--kind", "server-to-server", "--from-env"];

#[tokio::test]
async fn a_good_pair_with_its_scope_is_well() {
    let zoom = Zoom::start().await;
    let args = [&SERVER[..], &["--scopes", SCOPE]].concat();
    let said = zoom.asked(&args, &environment(ID, SECRET, ACCOUNT)).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    for text in [
        "Zoom accepts this client id and client secret.",
        "Zoom gives a token for the account, for 60 minutes.",
        "Every required scope is granted.",
        "Nothing to do.",
    ] {
        assert!(said.stdout.contains(text), "{}", said.stdout);
    }
}

#[tokio::test]
async fn what_zoom_refuses_has_its_remedy() {
    let zoom = Zoom::start().await;
    zoom.put(
        "apps/Inactive0000001",
        &json!({
            "kind": "ServerToServer", "client_secret": SECRET, "account_id": ACCOUNT,
            "scopes": [SCOPE], "active": false,
        }),
    )
    .await;
    for (id, secret, account, remedy) in [
        (
            ID,
            "AnotherSecret00000000000000000001",
            ACCOUNT,
            "copy both again",
        ),
        (ID, SECRET, "AnotherAccount1", "copy the account id"),
        ("Inactive0000001", SECRET, ACCOUNT, "activate the app"),
        ("General0000001", SECRET, ACCOUNT, "another kind of app"),
        ("", SECRET, ACCOUNT, "ZOOM_CLIENT_ID is empty"),
    ] {
        let said = zoom.asked(&SERVER, &environment(id, secret, account)).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stdout.contains(remedy), "{remedy}: {}", said.stdout);
    }
}

#[tokio::test]
async fn a_missing_scope_names_its_box() {
    let zoom = Zoom::start().await;
    let scopes = format!("{SCOPE},meeting:read:meeting:admin");
    let args = [&SERVER[..], &["--scopes", &scopes]].concat();
    let said = zoom.asked(&args, &environment(ID, SECRET, ACCOUNT)).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let remedy = "choose Add Scopes and tick meeting:read:meeting:admin.";
    assert!(said.stdout.contains(remedy), "{}", said.stdout);
}

#[tokio::test]
async fn values_in_each_others_places_are_recognized() {
    let zoom = Zoom::start().await;
    let token = [("ZOOM_WEBHOOK_SECRET_TOKEN", SECRET)];
    for (environment, more, swapped) in [
        (
            environment(ACCOUNT, SECRET, ID),
            &[][..],
            "ZOOM_CLIENT_ID and ZOOM_ACCOUNT_ID are swapped",
        ),
        (
            environment(SECRET, ID, ACCOUNT),
            &[],
            "ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET are swapped",
        ),
        (
            environment(ID, TOKEN, ACCOUNT),
            &token,
            "ZOOM_WEBHOOK_SECRET_TOKEN contains the client secret",
        ),
    ] {
        let said = zoom
            .asked(&SERVER, &[&environment[..], more].concat())
            .await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stdout.contains(swapped), "{swapped}: {}", said.stdout);
    }
}

#[tokio::test]
async fn a_general_apps_pair_is_tried_without_a_person() {
    let zoom = Zoom::start().await;
    let args = ["--kind", "general", "--from-env", "-o", "json"];
    for (id, secret, well) in [
        ("General0000001", SECRET, true),
        ("General0000001", "AnotherSecret00000000000000000001", false),
        (ID, SECRET, false),
    ] {
        let said = zoom
            .asked(&args, &environment(id, secret, ACCOUNT)[..2])
            .await;
        assert_eq!(said.code, Some(i32::from(!well)), "{said:?}");
        let report: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(report["well"], well, "{report:#}");
        let checks = report["checks"].as_array().unwrap();
        let pair = checks
            .iter()
            .any(|check| check["check"] == "pair" && check["verdict"] == "Ok");
        assert_eq!(pair, well, "{report:#}");
    }
}

#[tokio::test]
async fn files_and_a_manifest_are_read() {
    let zoom = Zoom::start().await;
    let manifest = format!(
        "kind: Secret\n---\napiVersion: zoom-operator.io/v1alpha1\nkind: ZoomIntegration\n\
         metadata: {{name: acme}}\nspec:\n  app: {{kind: ServerToServer}}\n  credentials:\n    \
         secretRef: {{name: zoom}}\n    keys: {{clientId: id}}\n  \
         scopes: {{required: [{SCOPE}, \"user:read:user\"]}}\n"
    );
    let dot_env = format!(
        "# from Zoom\nexport ZOOM_CLIENT_ID=\"{ID}\"\nZOOM_CLIENT_SECRET='{SECRET}'\nZOOM_ACCOUNT_ID={ACCOUNT}\n"
    );
    let spec = ["--spec", "acme.yaml", "--from-file"];
    let from_file = zoom
        .doctor(&[&spec[..], &[".env"]].concat())
        .file("acme.yaml", &manifest)
        .file(".env", &dot_env);
    let from_directory = zoom
        .doctor(&[&spec[..], &["keys"]].concat())
        .file("acme.yaml", &manifest)
        .file("keys/id", ID)
        .file("keys/client-secret", &format!("{SECRET}\n"))
        .file("keys/account-id", ACCOUNT)
        .file("keys/verification-token", TOKEN);
    let (from_file, from_directory) = (from_file.run().await, from_directory.run().await);
    for said in [silent(from_file), silent(from_directory)] {
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(
            said.stdout
                .contains("accepts this client id and client secret."),
            "{}",
            said.stdout
        );
        assert!(
            said.stdout.contains("tick user:read:user."),
            "{}",
            said.stdout
        );
        // Declared of the wrong level: said before anything is applied.
        assert!(
            said.stdout.contains("use user:read:user:admin"),
            "{}",
            said.stdout
        );
        let legacy = said.stdout.contains("looks like Zoom's Verification Token");
        assert_eq!(
            legacy,
            said.stdout.contains(" from keys,"),
            "{}",
            said.stdout
        );
    }
}

#[tokio::test]
async fn what_cannot_be_examined_is_no_finding() {
    let zoom = Zoom::start().await;
    for args in [
        &["--kind", "server-to-server"][..],
        &["--from-env"],
        &["--kind", "general", "--from-file", "nowhere"],
        &["--spec", "nowhere.yaml"],
        &["--kind", "general", "--from-env", "--client-secret", "x"],
    ] {
        let said = zoom.asked(args, &[]).await;
        assert_eq!(said.code, Some(2), "{args:?}: {said:?}");
        assert!(
            said.stdout.is_empty() && !said.stderr.is_empty(),
            "{said:?}"
        );
    }
    let said = Program::new().args(&["doctor"]).run().await;
    assert_eq!(said.code, Some(2), "{said:?}");
    let remedy = "Name an integration (kubectl zoom doctor NAME), or give --kind or --spec";
    assert!(said.stderr.contains(remedy), "{}", said.stderr);
    // Nobody listens there: that is one.
    let args = ["doctor", "--zoom-oauth-url", "http://127.0.0.1:1"];
    let mut program = Program::new().args(&args).args(&SERVER);
    for (name, value) in environment(ID, SECRET, ACCOUNT) {
        program = program.env(name, value);
    }
    let said = silent(program.run().await);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stdout.contains("Zoom gave no clear answer"),
        "{}",
        said.stdout
    );
}
