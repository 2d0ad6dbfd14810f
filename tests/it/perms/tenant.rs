//! Permissions and roles of an Auth0 tenant, by the same commands.

use longshore::practice::{Tenant, TenantSize};

use super::{messages, out};
use crate::world::World;

/// What a tenant's file says of rows, by code or by what was found.
fn ended(world: &World, run: &str) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    for (name, column) in
        [("success", "sf__Created"), ("error", "longshore__code"), ("rejected", "longshore__code")]
    {
        for row in out(world, run, name) {
            all.push((row["longshore__row"].parse().unwrap(), row[column].clone()));
        }
    }
    all.sort();
    all
}

#[test]
fn permissions_and_roles_of_a_tenant_go_by_the_same_commands() {
    let world = World::with_tenant(Tenant::new(&TenantSize::default()));
    let run = |args: &[&str], code| {
        let to_auth0 = |command: &mut std::process::Command| {
            command.env("LONGSHORE_TARGET_KIND", "auth0");
        };
        world.run_changed(&[&["perms"], args].concat(), b"", to_auth0).expect(code)
    };
    let api = "https://shipping.example/api";
    let rows = [
        format!("frida.abara.00013@practice.example,{api},read:shipments,"),
        "carla.abara.00006@practice.example,Shipping API,read:shipments,".to_owned(),
        "carla.abara.00006@practice.example,,,shipping clerk".to_owned(),
        format!("clara.abara.00008@practice.example,{api},read:shipments,"),
        format!("ivo.abara.00018@practice.example,{api},delete:rates,"),
        format!("nobody@practice.example,{api},read:rates,"),
        format!("hugo.abara.00016@practice.example,{api},read:rats,"),
        "hugo.abara.00016@practice.example,Shiping API,read:rates,".to_owned(),
        "hugo.abara.00016@practice.example,,,Shipping Clark".to_owned(),
        "hugo.abara.00016@practice.example,,,".to_owned(),
        "hugo.abara.00016@practice.example,,read:rates,".to_owned(),
        format!(",{api},read:rates,"),
        format!("FRIDA.abara.00013@practice.example,{api},read:shipments,"),
        format!("frida.abara.0013@practice.example,{api},read:shipments,"),
    ];
    world.file("leavers.csv", format!("Email,API,Permission,Role\n{}\n", rows.join("\n")));
    let ran = run(&["revoke", "leavers.csv", "--run-name", "leavers"], 3);
    assert!(ran.stderr.contains("notice: remove up to 7 · blocked 7 ("), "{}", ran.stderr);
    let words: Vec<String> = ended(&world, "leavers").into_iter().map(|(_, word)| word).collect();
    assert_eq!(
        words,
        [
            "removed",
            "removed",
            "removed",
            "absent",
            "user_ambiguous",
            "user_not_found",
            "permission_not_found",
            "api_not_found",
            "role_not_found",
            "blank_permission",
            "blank_permission",
            "blank_user",
            "duplicate_row",
            "user_not_found",
        ]
    );
    let typo = &out(&world, "leavers", "error")[2]["longshore__message"];
    let wanted = "no user has the e-mail `frida.abara.0013@practice.example`; nearest: \
                  `frida.abara.00013@practice.example`";
    assert_eq!(typo, wanted);
    insta::assert_snapshot!(messages(&out(&world, "leavers", "rejected")), @"
    api_not_found: there is no API `Shiping API`, did you mean `Shipping API`?
    blank_permission: the row does not say which permission
    blank_user: the row does not say who
    duplicate_row: row 1 asks for the same
    permission_not_found: there is no permission `read:rats`, did you mean `read:rates`?
    role_not_found: there is no role `Shipping Clark`, did you mean `Shipping Clerk`?
    ");
    let review = world.read("longshore-runs/leavers/out/access-review.csv");
    insta::assert_snapshot!(review.lines().take(6).collect::<Vec<_>>().join("\n"), @"
    user,permission,before,after,why
    frida.abara.00013@practice.example,read:shipments,yes,no,asked for
    carla.abara.00006@practice.example,read:shipments,yes,no,asked for
    carla.abara.00006@practice.example,Shipping Clerk,yes,no,asked for
    clara.abara.00008@practice.example,read:shipments,no,no,does not have it
    ivo.abara.00018@practice.example,delete:rates,,,not done: 2 users have the e-mail `ivo.abara.00018@practice.example`; give one of the ids `auth0|f5b5f609c097822efc7d57ee` and `google-oauth2|100000000233972002474`
    ");
    let ids = out(&world, "leavers", "success");
    assert!(ids.iter().all(|row| row["longshore__user_id"].starts_with("auth0|")), "{ids:?}");
    world.run(&["verify", "leavers"]).expect(0);

    run(&["revoke", "leavers.csv", "--run-name", "again"], 3);
    let gone = out(&world, "again", "success");
    assert!(gone.iter().all(|row| row["sf__Created"] == "absent"), "{gone:?}");
    run(&["grant", "longshore-runs/leavers/out/success.csv", "--run-name", "back"], 0);
    let back = out(&world, "back", "success");
    assert!(back.iter().all(|row| row["sf__Created"] == "added"), "{back:?}");

    let told = [
        &["grant", "leavers.csv", "--expires", "never"][..],
        &["grant", "leavers.csv", "--copy-from", "x"],
        &["grant", "--where", "x", "--permission-set", "y"],
        &["grant", "leavers.csv", "--match", "username"],
    ]
    .map(|args| {
        run(args, 2).stderr.lines().find(|line| line.starts_with("error")).unwrap().to_owned()
    });
    insta::assert_snapshot!(told.join("\n"), @"
    error: `--expires` is for Salesforce orgs, and this is an Auth0 tenant
    error: `--copy-from` is for Salesforce orgs, and this is an Auth0 tenant
    error: `--where` is for Salesforce orgs, and this is an Auth0 tenant
    error: `--match` names no column by which an Auth0 tenant knows a user
    ");
}
