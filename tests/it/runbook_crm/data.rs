//! The files of the cut-over in `fixtures/runbooks/crm-cutover`, at any size, always the same.
//!
//! A scale of 1 is 2,000 rows, a scale of 100 is 200,000. Values are what an old CRM exports: names
//! with accents, quotes and line ends in texts, days first in dates, commas in amounts. A few rows
//! of each file are bad, each in one way that [`Bad`] names.

/// A file of the runbook: its name, its text, and its bad rows by number from 1.
pub struct Source {
    pub name: &'static str,
    pub rows: usize,
    pub text: String,
    pub bad: Vec<(usize, Bad)>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// A field that must be there is blank: refused by the org, for an upsert may be an update.
    Blank,
    /// A text is too long for its field: rejected here.
    TooLong,
    /// Its parent is in no file: rejected here.
    NoParent,
    /// Its parent is a bad row itself: rejected here.
    Orphaned,
    /// A value that the mapping does not list: rejected here.
    NotListed,
    /// A date that there is not: rejected here.
    NoDate,
    /// A username that somebody has: refused by the org.
    Taken,
    /// A permission set that there is not: never sent.
    NoSuchSet,
}

impl Bad {
    /// Whether the row gets as far as the org.
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Taken | Self::Blank)
    }
}

/// Rows of each file at a scale of 1.
pub const USERS: usize = 60;
pub const ACCOUNTS: usize = 400;
pub const CONTACTS: usize = 700;
pub const ENGAGEMENTS: usize = 340;
pub const OPPORTUNITIES: usize = 400;
pub const ACCESS: usize = 100;

const FIRST: [&str; 16] = [
    "Zoë", "Björn", "Ana", "Łukasz", "Siobhán", "José", "Mina", "Søren", "Chloé", "Ivo", "Noor",
    "Jürgen", "Ágnes", "Tom", "Yuki", "Renée",
];
const LAST: [&str; 16] = [
    "O'Brien",
    "Müller",
    "da Silva",
    "Nowak",
    "Ní Bhriain",
    "García",
    "Haddad",
    "Ångström",
    "Lefèvre",
    "Novák",
    "van den Berg",
    "Weiß",
    "Szőke",
    "Smith",
    "Tanaka",
    "D'Arcy",
];
const CITIES: [(&str, &str); 6] = [
    ("Zürich", "Switzerland"),
    ("Kraków", "Poland"),
    ("São Paulo", "Brazil"),
    ("Malmö", "Sweden"),
    ("Cork", "Ireland"),
    ("Lyon", "France"),
];
const TRADES: [&str; 7] = [
    "Shipping",
    "Foods, Fresh & Frozen",
    "Timber \"North\"",
    "Steel",
    "Café & Co",
    "Textiles",
    "Maschinenbau",
];
const REMARKS: [&str; 5] = [
    "",
    "Pays late; ask \"first\", ship later.",
    "Two sites:\n- harbor\n- depot",
    "Überweisung bis zum 15. — keine Schecks",
    "see file 12, page 3",
];
const STAGES: [&str; 6] = ["10 new", "20 qualified", "50 offered", "75 talks", "90 won", "95 lost"];
/// Sets of the practice org that need no license.
const SETS: [&str; 5] =
    ["Cargo Booking", "Berth Planning", "Crane Scheduling", "Container Tracking", "Rate Quotes"];

/// All files at a scale.
pub fn all(scale: usize) -> Vec<Source> {
    vec![
        users(scale),
        accounts(scale),
        contacts(scale),
        engagements(scale),
        opportunities(scale),
        access(scale),
    ]
}

/// Numbers that look random and are the same for the same row.
fn roll(seed: &str, row: usize, sides: usize) -> usize {
    let mut state = 0xCBF2_9CE4_8422_2325_u64;
    for byte in seed.bytes().chain(row.to_le_bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    state ^= state >> 29;
    usize::try_from(state.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33).unwrap_or_default() % sides
}

fn pick<'a>(from: &[&'a str], seed: &str, row: usize) -> &'a str {
    from[roll(seed, row, from.len())]
}

/// A file in the making.
struct Sheet {
    source: Source,
}

impl Sheet {
    fn new(name: &'static str, header: &[&str]) -> Self {
        let text = String::new();
        let mut sheet = Self { source: Source { name, rows: 0, text, bad: Vec::new() } };
        sheet.line(header);
        sheet
    }

    fn row(&mut self, cells: &[&str], bad: Option<Bad>) {
        self.source.rows += 1;
        self.source.bad.extend(bad.map(|bad| (self.source.rows, bad)));
        self.line(cells);
    }

    fn line(&mut self, cells: &[&str]) {
        for (nth, cell) in cells.iter().enumerate() {
            if nth > 0 {
                self.source.text.push(',');
            }
            if cell.contains([',', '"', '\n', '\r']) {
                self.source.text.push('"');
                self.source.text.push_str(&cell.replace('"', "\"\""));
                self.source.text.push('"');
            } else {
                self.source.text.push_str(cell);
            }
        }
        self.source.text.push('\n');
    }
}

/// `03/11/2026`, days first.
fn day(seed: &str, row: usize) -> String {
    let (day, month) = (roll(seed, row, 28) + 1, roll(seed, row + 7, 12) + 1);
    format!("{day:02}/{month:02}/{}", 2024 + roll(seed, row + 13, 3))
}

fn login(row: usize) -> String {
    format!("L{row:05}")
}

fn account_id(row: usize) -> String {
    format!("CRM-A{row:06}")
}

fn contact_id(row: usize) -> String {
    format!("CRM-C{row:06}")
}

fn users(scale: usize) -> Source {
    let header = ["LOGIN", "FIRST", "LAST", "MAIL", "TEAM", "STAFF_NO"];
    let mut sheet = Sheet::new("users.csv", &header);
    for row in 1..=USERS * scale {
        let (first, last) = (pick(&FIRST, "uf", row), pick(&LAST, "ul", row));
        let bad = (row == 17).then_some(Bad::Taken);
        let mail = match bad {
            Some(_) => "admin@practice.example".to_owned(),
            None => format!("crm.{row:05}@acme.example"),
        };
        let team = pick(&["Sales", "Service", "Back office"], "ut", row);
        sheet.row(&[&login(row), first, last, &mail, team, &format!("{row:06}")], bad);
    }
    sheet.source
}

/// What is wrong with an account.
fn bad_account(row: usize) -> Option<Bad> {
    match row {
        50 => Some(Bad::Blank),
        150 => Some(Bad::TooLong),
        _ => None,
    }
}

fn accounts(scale: usize) -> Source {
    let header = [
        "ACCT_ID",
        "ACCT_NAME",
        "PARENT_ACCT",
        "ACCT_NO",
        "CITY",
        "COUNTRY",
        "PHONE",
        "INDUSTRY",
        "STAFF",
        "REVENUE",
        "REMARKS",
        "OWNER",
    ];
    let mut sheet = Sheet::new("accounts.csv", &header);
    for row in 1..=ACCOUNTS * scale {
        let bad = bad_account(row);
        let name = match bad {
            Some(Bad::Blank) => String::new(),
            _ => format!("{} {} {row}", pick(&LAST, "an", row), pick(&TRADES, "at", row)),
        };
        let number = match bad {
            Some(Bad::TooLong) => "9".repeat(41),
            _ => format!("{:08}", row * 37),
        };
        // Three of ten belong to another account, which may stand behind them in the file.
        let parent = match roll("ap", row, 10) {
            0..3 => parent_of(row, ACCOUNTS * scale),
            _ => String::new(),
        };
        let (city, country) = CITIES[roll("ac", row, CITIES.len())];
        let phone = format!("+41 44 555 {:04}", row % 10_000);
        let industry = pick(&["Banking", "Shipping", "Technology", ""], "ai", row);
        let staff = roll("as", row, 5_000).to_string();
        let revenue = (roll("ar", row, 90_000) * 1_000).to_string();
        let remarks = pick(&REMARKS, "am", row);
        let owner = login(roll("ao", row, USERS * scale) + 1);
        let cells = [
            &account_id(row),
            &name,
            &parent,
            &number,
            city,
            country,
            &phone,
            industry,
            &staff,
            &revenue,
            remarks,
            &owner,
        ];
        sheet.row(&cells, bad);
    }
    sheet.source
}

/// A good account other than this one.
fn parent_of(row: usize, rows: usize) -> String {
    let mut parent = roll("aq", row, rows) + 1;
    while parent == row || bad_account(parent).is_some() {
        parent = parent % rows + 1;
    }
    account_id(parent)
}

/// An account that is not bad.
fn good_account(seed: &str, row: usize, scale: usize) -> String {
    let rows = ACCOUNTS * scale;
    let mut account = roll(seed, row, rows) + 1;
    while bad_account(account).is_some() {
        account = account % rows + 1;
    }
    account_id(account)
}

fn bad_contact(row: usize) -> Option<Bad> {
    match row {
        33 => Some(Bad::Blank),
        133 => Some(Bad::NoParent),
        233 => Some(Bad::Orphaned),
        _ => None,
    }
}

fn contacts(scale: usize) -> Source {
    let header = [
        "CONT_ID", "ACCT_ID", "FIRST", "LAST", "MAIL", "PHONE", "BORN", "TITLE", "STREET", "NOTES",
    ];
    let mut sheet = Sheet::new("contacts.csv", &header);
    for row in 1..=CONTACTS * scale {
        let bad = bad_contact(row);
        let account = match bad {
            Some(Bad::NoParent) => "CRM-A999999".to_owned(),
            Some(Bad::Orphaned) => account_id(50),
            _ => good_account("ca", row, scale),
        };
        let first = pick(&FIRST, "cf", row);
        let last = if bad == Some(Bad::Blank) { "" } else { pick(&LAST, "cl", row) };
        let mail = format!("contact.{row:06}@mail.example");
        let phone = format!("+353 21 555 {:04}", row % 10_000);
        let title = pick(&["Buyer", "Head of \"Things\"", "Geschäftsführerin", ""], "ct", row);
        let street = format!("{} Quay Road\nGate {}", roll("cs", row, 300) + 1, row % 9 + 1);
        let cells = [
            &contact_id(row),
            &account,
            first,
            last,
            &mail,
            &phone,
            &day("cb", row),
            title,
            &street,
            pick(&REMARKS, "cm", row),
        ];
        sheet.row(&cells, bad);
    }
    sheet.source
}

fn engagements(scale: usize) -> Source {
    let header = ["ENG_ID", "TITLE", "ACCT_ID", "CONT_ID", "STATE", "BEGINS", "PER_MONTH", "TERMS"];
    let mut sheet = Sheet::new("engagements.csv", &header);
    for row in 1..=ENGAGEMENTS * scale {
        let bad = match row {
            77 => Some(Bad::NotListed),
            177 => Some(Bad::NoParent),
            _ => None,
        };
        let account = match bad {
            Some(Bad::NoParent) => "CRM-A888888".to_owned(),
            _ => good_account("ea", row, scale),
        };
        // One of twenty names a contact that was never kept: the engagement goes without.
        let contact = match row % 20 {
            0 => "CRM-C999999".to_owned(),
            _ => contact_id(good_contact("ec", row, scale)),
        };
        let state = match bad {
            Some(Bad::NotListed) => "?",
            _ => pick(&["A", "P", "E"], "es", row),
        };
        // `1.234,50`
        let cents = roll("em", row, 900_000) + 100_000;
        let amount = format!("{}.{:03},{:02}", cents / 100_000, cents / 100 % 1_000, cents % 100);
        let title = format!("Engagement \"{row}\", {}", pick(&TRADES, "et", row));
        let cells = [
            &format!("CRM-E{row:06}"),
            &title,
            &account,
            &contact,
            state,
            &day("eb", row),
            &amount,
            pick(&REMARKS, "er", row),
        ];
        sheet.row(&cells, bad);
    }
    sheet.source
}

fn good_contact(seed: &str, row: usize, scale: usize) -> usize {
    let rows = CONTACTS * scale;
    let mut contact = roll(seed, row, rows) + 1;
    while bad_contact(contact).is_some() {
        contact = contact % rows + 1;
    }
    contact
}

fn opportunities(scale: usize) -> Source {
    let header = ["OPP_ID", "NAME", "ACCT_ID", "STAGE", "AMOUNT", "CLOSES", "OWNER", "NEXT"];
    let mut sheet = Sheet::new("opportunities.csv", &header);
    for row in 1..=OPPORTUNITIES * scale {
        let bad = match row {
            99 => Some(Bad::NoDate),
            199 => Some(Bad::NotListed),
            299 => Some(Bad::NoParent),
            _ => None,
        };
        let account = match bad {
            Some(Bad::NoParent) => "CRM-A777777".to_owned(),
            _ => good_account("oa", row, scale),
        };
        let stage = if bad == Some(Bad::NotListed) { "55 lost?" } else { pick(&STAGES, "os", row) };
        let closes = match bad {
            Some(Bad::NoDate) => "31/02/2026".to_owned(),
            _ => day("oc", row),
        };
        let amount = format!("{}.{:02}", roll("om", row, 90_000) + 500, roll("on", row, 100));
        let name = format!("{} für {}", pick(&TRADES, "ot", row), pick(&LAST, "ol", row));
        let owner = login(roll("oo", row, USERS * scale) + 1);
        let next = pick(&["", "call again", "send \"final\" offer"], "ox", row);
        let id = format!("CRM-O{row:06}");
        sheet.row(&[&id, &name, &account, stage, &amount, &closes, &owner, next], bad);
    }
    sheet.source
}

fn access(scale: usize) -> Source {
    let mut sheet =
        Sheet::new("access.csv", &["Federation Identifier", "Permission Set", "Ticket"]);
    let users = USERS * scale;
    for row in 1..=ACCESS * scale {
        let bad = (row == 23).then_some(Bad::NoSuchSet);
        // Each user gets one set, and two of three a second one. The 17th is never made.
        let mut user = (row - 1) % users + 1;
        if user == 17 {
            user = 18;
        }
        let nth = (row - 1) / users + user;
        // Two rows of one user are about two sets.
        let shift = usize::from(row - 1 == 16 || row - 1 == users + 16) * 2;
        let set = match bad {
            Some(_) => "Crane Polishing",
            None => SETS[(nth + shift) % SETS.len()],
        };
        sheet.row(&[&login(user), set, &format!("GO-{row:05}")], bad);
    }
    sheet.source
}
