use std::io::Write;

use super::*;
use crate::model::failure::Explain;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }
    folder
}

fn environment(name: &str) -> Option<String> {
    (name == "DATA").then(|| "/data".to_owned())
}

fn read(files: &[(&str, &str)]) -> Result<Beans, String> {
    let folder = folder(files);
    let place = format!("{}/", folder.path().display());
    Beans::read(&folder.path().join("process-conf.xml"), &environment)
        .map_err(|error| error.to_string().replace(&place, ""))
}

fn conf(beans: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE beans PUBLIC \
         \"-//SPRING//DTD BEAN//EN\" \"http://www.springframework.org/dtd/spring-beans.dtd\">\n\
         <beans>{beans}</beans>"
    )
}

fn process(beans: &str, id: &str) -> Result<Process, String> {
    let beans = read(&[("process-conf.xml", &conf(beans))])?;
    beans.process(id).map_err(|error| {
        let text = error.to_string();
        text.split_once("process-conf.xml").map_or(text.clone(), |(_, rest)| rest.to_owned())
    })
}

fn pairs(process: &Process) -> Vec<(&str, &str)> {
    process.settings.iter().map(|(key, value)| (&**key, &**value)).collect()
}

const CLASS: &str = "class=\"com.salesforce.dataloader.process.ProcessRunner\"";

#[test]
fn values_are_attributes_or_children() {
    let beans = format!(
        r#"<!-- all forms of an entry -->
        <bean id="nightly" {CLASS} singleton="false">
          <description> every night </description>
          <property name="name"><value>nightlyContacts</value></property>
          <property name="configOverrideMap"><map>
            <entry key="a" value="1 &amp; &#50;"/>
            <entry key="b"><value>two <!-- no --> words</value></entry>
            <entry><key><value>c</value></key><value><![CDATA[<3>]]></value></entry>
            <entry key="d"><null/></entry>
            <entry key="a" value="last"/>
          </map></property>
        </bean>
        <bean id="db" class="org.apache.commons.dbcp2.BasicDataSource"/>"#
    );
    let process = process(&beans, "nightly").unwrap();
    assert_eq!(process.name, "nightlyContacts");
    assert_eq!(process.description.as_deref(), Some("every night"));
    assert_eq!(pairs(&process), [("b", "two  words"), ("c", "<3>"), ("d", ""), ("a", "last")]);
}

#[test]
fn parents_give_what_a_bean_does_not_set() {
    let map = |merge: &str, entries: &str| {
        format!("<property name=\"configOverrideMap\"><map{merge}>{entries}</map></property>")
    };
    let entry = |key: &str, value: &str| format!("<entry key=\"{key}\" value=\"{value}\"/>");
    let beans = format!(
        "<bean id=\"base\" abstract=\"true\" {CLASS}><property name=\"name\" value=\"base\"/>{}\
         </bean><bean id=\"merged\" parent=\"base\"><property name=\"name\" value=\"m\"/>{}</bean>\
         <bean id=\"own\" parent=\"base\">{}</bean><bean id=\"plain\" parent=\"base\"/>\
         <bean id=\"deep\" parent=\"merged\">{}</bean><alias name=\"deep\" alias=\"other\"/>",
        map("", &(entry("a", "1") + &entry("b", "2"))),
        map(" merge=\"true\"", &(entry("b", "3") + &entry("c", "4"))),
        map("", &entry("z", "9")),
        map(" merge=\"true\"", &entry("a", "5")),
    );
    for (id, name, wanted) in [
        ("merged", "m", vec![("a", "1"), ("b", "3"), ("c", "4")]),
        ("own", "base", vec![("z", "9")]),
        ("plain", "base", vec![("a", "1"), ("b", "2")]),
        ("deep", "m", vec![("b", "3"), ("c", "4"), ("a", "5")]),
        ("other", "m", vec![("b", "3"), ("c", "4"), ("a", "5")]),
    ] {
        let process = process(&beans, id).unwrap();
        assert_eq!((process.name.as_str(), pairs(&process)), (name, wanted), "{id}");
    }
    let told = process(&beans, "base").unwrap_err();
    assert_eq!(told, ":3:8: `base` stands for others to build on and cannot be run");
}

#[test]
fn placeholders_come_from_files_or_the_environment() {
    let beans = conf(&format!(
        r#"<import resource="more/users.xml"/>
        <bean class="org.springframework.beans.factory.config.PropertyPlaceholderConfigurer">
          <property name="location" value="file:site.properties"/>
        </bean>
        <bean id="a" {CLASS}><property name="name" value="${{who}}"/>
          <property name="configOverrideMap"><map>
            <entry key="file" value="${{DATA}}/${{dir}}/x.csv"/>
            <entry key="other" value="${{none:${{who}}}}-${{empty:}}"/>
          </map></property></bean>"#
    ));
    let users =
        format!(r#"<beans><bean id="b" {CLASS}><property name="name" value="b"/></bean></beans>"#);
    let site = "who=nightly\ndir=in\\ here\n";
    let beans = read(&[
        ("process-conf.xml", &beans),
        ("more/users.xml", &users),
        ("site.properties", site),
    ])
    .unwrap();
    assert_eq!(beans.ids().collect::<Vec<_>>(), ["a", "b"]);
    let process = beans.process("a").unwrap();
    assert_eq!(process.name, "nightly");
    assert_eq!(pairs(&process), [("file", "/data/in here/x.csv"), ("other", "nightly-")]);
}

#[test]
fn what_is_not_known_is_refused_with_its_place() {
    let bean = |inner: &str| format!("<bean id=\"a\" {CLASS}>{inner}</bean>");
    let map = |inner: &str| {
        bean(&format!(
            "<property name=\"name\" value=\"a\"/><property name=\"configOverrideMap\">{inner}\
             </property>"
        ))
    };
    let cases = [
        String::from("<bean"),
        String::from("<bean></beans>"),
        String::from("<nonsense/>"),
        bean("<property name=\"nmae\" value=\"a\"/>"),
        bean("<constructor-arg value=\"a\"/>"),
        map("<list/>"),
        map("<map><entry value=\"a\"/></map>"),
        map("<map><entry key=\"a\"><ref bean=\"b\"/></entry></map>"),
        map("<map><entry key=\"a\" value=\"1\"><value>2</value></entry></map>"),
        map("<map><entry key=\"a\">&unknown;</entry></map>"),
        map("<map><entry key=\"a\" value=\"${nobody}\"/></map>"),
        map("<map><entry key=\"a\" value=\"#{1 + 1}\"/></map>"),
        bean(""),
        bean("<property name=\"name\" value=\"a\"/>").repeat(2),
        format!("<bean id=\"a\" parent=\"b\" {CLASS}/>"),
        format!("<bean id=\"a\" parent=\"b\" {CLASS}/><bean id=\"b\" parent=\"a\"/>"),
        String::from("<import resource=\"no.xml\"/>"),
        String::from("<import resource=\"classpath:no.xml\"/>"),
        String::from("<bean id=\"b\"/>"),
    ];
    let told: Vec<String> = cases.iter().map(|beans| process(beans, "a").unwrap_err()).collect();
    let told = told.join("\n").replace("document: ", "document:\n");
    insta::assert_snapshot!(told, @r#"
    process-conf.xml:3:21: `bean</beans` does not end
    process-conf.xml:3:14: it is not well-formed XML: ill-formed document:
    expected `</bean>`, but `</beans>` was found
    process-conf.xml:3:8: `nonsense` is not known here
    process-conf.xml:3:77: a process has no property `nmae`
    process-conf.xml:3:77: `constructor-arg` is not known in a bean
    process-conf.xml:3:145: `configOverrideMap` wants a `map`, not `list`
    process-conf.xml:3:150: it wants one `key`
    process-conf.xml:3:165: a value of the form `ref` cannot be read
    process-conf.xml:3:150: it wants one value
    process-conf.xml:3:165: the entity `&unknown;` is not known; a DTD is not loaded
    :3:150: there is no value for `${nobody}`
    :3:150: an expression `#{…}` cannot be worked out here
    :3:8: the process `a` has no property `name`
    process-conf.xml:3:117: there are two beans `a`
    :3:8: there is no parent `b`
    :3:89: the parents of this bean go round in a circle, by way of `a`
    cannot read `no.xml`: No such file or directory (os error 2)
    process-conf.xml:3:8: `classpath:` cannot be read here; name a file beside this one
    there is no process `a`
    "#);
}

#[test]
fn the_way_out_is_named() {
    let beans = read(&[("process-conf.xml", &conf(&format!("<bean id=\"nightly\" {CLASS}/>")))]);
    let beans = beans.unwrap();
    let hints = |id: &str| beans.process(id).unwrap_err().hints().join("; ");
    assert_eq!(hints("nihgtly"), "did you mean `nightly`?");
    assert_eq!(hints("weekly accounts"), "there is: `nightly`");
    assert!(hints("nightly").starts_with("add `<property name=\"name\""), "{}", hints("nightly"));
}
