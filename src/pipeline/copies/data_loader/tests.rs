//! Each oddity of Data Loader's result files, to the byte. The mark of the encoding is shown as
//! `<BOM>`.

use super::*;
use crate::config::styles::TextStyle;

/// A folder of result files, and what the copies of them hold.
struct Fixture {
    operation: Operation,
    codes: bool,
    success: &'static str,
    error: &'static str,
    rejected: &'static str,
    unprocessed: &'static str,
    unknown: &'static str,
}

impl Fixture {
    fn copied(&self) -> String {
        let copies = DataLoaderCopies {
            text: TextStyle { crlf: false, ..TextStyle::data_loader() },
            codes: self.codes,
            unsent_copy: None,
        };
        self.copied_as(&copies)
    }

    fn copied_as(&self, copies: &DataLoaderCopies) -> String {
        let folder = tempfile::tempdir().unwrap();
        let files = [self.success, self.error, self.rejected, self.unprocessed, self.unknown];
        let names = ["success", "error", "rejected", "unprocessed", "unknown"];
        let [success, error, rejected, unprocessed, unknown] =
            names.map(|name| folder.path().join(format!("{name}.csv")));
        let paths = SummaryFiles { success, error, rejected, unprocessed, unknown };
        let of =
            [&paths.success, &paths.error, &paths.rejected, &paths.unprocessed, &paths.unknown];
        for (path, text) in of.into_iter().zip(files).filter(|(_, text)| !text.is_empty()) {
            let mut file = std::fs::File::create(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        let names = ["s", "e", "u"].map(|name| folder.path().join(name));
        let places =
            Places { success: Some(&names[0]), error: Some(&names[1]), unsent: Some(&names[2]) };
        place(copies, self.operation, &places, &paths).unwrap();
        let shown = names.map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
            format!("-- {name}\n{}", text.replace('\u{FEFF}', "<BOM>"))
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3 + of_count(&files));
        shown.concat()
    }
}

fn of_count(files: &[&str]) -> usize {
    files.iter().filter(|text| !text.is_empty()).count()
}

const PLAIN: Fixture = Fixture {
    operation: Operation::Insert,
    codes: false,
    success: "Name,Phone,unused,Description,sf__Id,sf__Created,longshore__row,longshore__match\n\
              Acme,123,u1,\"line1\r\nline2\",001000000000001AAA,true,1,text\n",
    error: "Name,Phone,unused,Description,sf__Id,sf__Error,longshore__code,longshore__message,longshore__class,longshore__row\n\
            Beta,,u2,\"say \"\"hi\"\"\",,REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --,REQUIRED_FIELD_MISSING,Required fields are missing: [Name],fix,2\n\
            Delta,12abc,u4,,,UNKNOWN_EXCEPTION:no: --,UNKNOWN_EXCEPTION,no,fix,4\n",
    rejected: "Name,Phone,unused,Description,longshore__column,longshore__code,longshore__message,longshore__line,longshore__row\n\
               Gamma,3/9/24,u3,,Phone,conversion_failed,`Phone`: `3/9/24` is no date,4,3\n\
               Eta,,u7,,Name,required,`Name` is blank,8,7\n",
    unprocessed: "Name,Phone,unused,Description,longshore__reason,longshore__row\n\
                  Epsilon,,u5,,job 1 ended Failed before this row,5\n",
    unknown: "Name,Phone,unused,Description,longshore__reason,longshore__row\n\
              Zeta,,u6,,the results do not name this row,6\n",
};

#[test]
fn all_source_columns_and_the_texts_of_the_org() {
    insta::assert_snapshot!(PLAIN.copied(), @r#"
    -- s
    <BOM>"ID","Name","Phone","unused","Description","STATUS"
    "001000000000001AAA","Acme","123","u1","line1
    line2","Item Created"
    -- e
    <BOM>"Name","Phone","unused","Description","ERROR"
    "Beta","","u2","say ""hi""","Required fields are missing: [Name]"
    "Gamma","3/9/24","u3","","Error converting value to correct data type: `Phone`: `3/9/24` is no date"
    "Delta","12abc","u4","","no"
    "Eta","","u7","","`Name` is blank"
    -- u
    <BOM>"Name","Phone","unused","Description","STATUS","ERROR"
    "Epsilon","","u5","","Not Processed","job 1 ended Failed before this row"
    "Zeta","","u6","","Unknown","the results do not name this row"
    "#);
}

#[test]
fn errors_with_their_code_where_a_bulk_api_is_asked_for() {
    let shown = Fixture { codes: true, ..PLAIN }.copied();
    let errors = shown.split("-- ").nth(2).unwrap();
    insta::assert_snapshot!(errors, @r#"
    e
    <BOM>"Name","Phone","unused","Description","ERROR"
    "Beta","","u2","say ""hi""","REQUIRED_FIELD_MISSING:Required fields are missing: [Name]
    Error fields: Name "
    "Gamma","3/9/24","u3","","Error converting value to correct data type: `Phone`: `3/9/24` is no date"
    "Delta","12abc","u4","","UNKNOWN_EXCEPTION:no"
    "Eta","","u7","","`Name` is blank"
    "#);
}

#[test]
fn what_became_of_the_record_is_told_by_operation() {
    for (operation, created, wanted) in [
        (Operation::Insert, "true", "Item Created"),
        (Operation::Update, "false", "Item Updated"),
        (Operation::Upsert, "true", "Item Created"),
        (Operation::Upsert, "false", "Item Updated"),
        (Operation::Delete, "false", "Item Deleted"),
        (Operation::HardDelete, "false", "Item Hard Deleted"),
        (Operation::Undelete, "false", "Item Undeleted"),
    ] {
        let told = success_status(operation, created.as_bytes());
        assert_eq!(String::from_utf8_lossy(told), wanted, "{operation} {created}");
    }
}

/// A result file that is loaded again brings columns of the names that are put there.
#[test]
fn columns_of_one_name_share_a_cell() {
    let empty =
        Fixture { success: "", error: "", rejected: "", unprocessed: "", unknown: "", ..PLAIN };
    let id_first = Fixture {
        operation: Operation::Update,
        success: "ID,Name,STATUS,ERROR,sf__Id,sf__Created,longshore__row,longshore__match\n\
                  old,A,Item Created,was,001000000000001AAA,false,1,id\n",
        error: "ID,Name,STATUS,ERROR,sf__Id,sf__Error,longshore__code,longshore__message,longshore__class,longshore__row\n\
                old,B,Item Created,was,,X:y: --,X,y,fix,2\n",
        ..empty
    };
    insta::assert_snapshot!(id_first.copied(), @r#"
    -- s
    <BOM>"ID","Name","STATUS","ERROR","STATUS"
    "001000000000001AAA","A","Item Updated","was","Item Updated"
    -- e
    <BOM>"ID","Name","STATUS","ERROR","ERROR"
    "old","B","","y","y"
    -- u
    <BOM>
    "#);
    let id_in_small_letters = Fixture {
        success: "Id,Name,sf__Id,sf__Created,longshore__row,longshore__match\n\
                  typed,A,001000000000001AAA,false,1,id\n",
        error: "Id,status,sf__Id,sf__Error,longshore__code,longshore__message,longshore__class,longshore__row\n\
                kept,lost,,X:y: --,X,y,fix,2\n",
        ..id_first
    };
    insta::assert_snapshot!(id_in_small_letters.copied(), @r#"
    -- s
    <BOM>"ID","Id","Name","STATUS"
    "001000000000001AAA","001000000000001AAA","A","Item Updated"
    -- e
    <BOM>"Id","status","ERROR"
    "kept","","y"
    -- u
    <BOM>
    "#);
}

/// Before the first row there is a mark and a header; without a result file only the mark.
#[test]
fn files_without_rows() {
    let headers = Fixture {
        success: "A,sf__Id,sf__Created,longshore__row,longshore__match\n",
        error: "A,sf__Id,sf__Error,longshore__code,longshore__message,longshore__class,longshore__row\n",
        rejected: "",
        unprocessed: "",
        unknown: "",
        ..PLAIN
    };
    insta::assert_snapshot!(headers.copied(), @r#"
    -- s
    <BOM>"ID","A","STATUS"
    -- e
    <BOM>"A","ERROR"
    -- u
    <BOM>
    "#);
}

#[test]
fn a_file_of_one_column_keeps_its_empty_cells() {
    let one = Fixture {
        success: "A,sf__Id,sf__Created,longshore__row,longshore__match\n,001,true,1,text\n",
        error: "",
        rejected: "",
        unprocessed: "",
        unknown: "",
        ..PLAIN
    };
    assert!(one.copied().contains("\"001\",\"\",\"Item Created\"\n"));
}

#[test]
fn another_encoding_and_the_line_ends_of_windows() {
    let text = TextStyle { charset: "Cp1252".to_owned(), byte_order_mark: true, crlf: true };
    let copies = DataLoaderCopies { text, ..DataLoaderCopies::default() };
    let shown = PLAIN.copied_as(&copies);
    let success = shown.split("-- ").nth(1).unwrap();
    let wanted = "s\n\"ID\",\"Name\",\"Phone\",\"unused\",\"Description\",\"STATUS\"\r\n\
                  \"001000000000001AAA\",\"Acme\",\"123\",\"u1\",\"line1\nline2\",\"Item Created\"\r\n";
    assert_eq!(success, wanted);
}

#[test]
fn fields_behind_an_error_stand_on_a_line_of_their_own() {
    for (said, wanted) in [
        ("CODE:text: [A]:A --", "CODE:text: [A]\nError fields: A "),
        ("CODE:text:A,B --", "CODE:text\nError fields: A,B "),
        ("CODE:text:--", "CODE:text"),
        ("CODE:text: --", "CODE:text"),
        ("plain", "plain"),
        ("", ""),
    ] {
        assert_eq!(String::from_utf8(with_code(said.as_bytes())).unwrap(), wanted, "{said}");
    }
}
