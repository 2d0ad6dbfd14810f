//! Whose turn it is: e-mails first where rows name users in both ways, so that rows with the id of
//! the same user are still there to be done with them.

use std::collections::{HashMap, VecDeque};

use super::super::body::{Group, Who};

/// Users that nobody has turned to yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    emails: VecDeque<Group>,
    /// E-mails that somebody is looking up.
    asking: usize,
    /// Those with an id, or none; taken out where an e-mail meant one of them.
    others: VecDeque<Option<Group>>,
    /// Places of ids in `others`, counted from its first beginning; only if there are e-mails.
    places: HashMap<String, usize>,
    taken: usize,
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum Next {
    Group(Group),
    /// Nothing as long as an e-mail is looked up.
    Later,
    Nothing,
}

impl Queue {
    pub(super) fn new(groups: Vec<Group>) -> Self {
        let (emails, others): (VecDeque<_>, VecDeque<_>) =
            groups.into_iter().partition(|group| matches!(group.who, Who::Email(_)));
        let mut places = HashMap::new();
        if !emails.is_empty() {
            for (place, group) in others.iter().enumerate() {
                if let Who::Id(id) = &group.who {
                    places.insert(id.clone(), place);
                }
            }
        }
        let others = others.into_iter().map(Some).collect();
        Self { emails, asking: 0, others, places, taken: 0 }
    }

    /// The next user. Whoever gets one with an e-mail tells whom it meant by [`Self::looked_up`].
    pub(super) fn next(&mut self) -> Next {
        if let Some(group) = self.emails.pop_front() {
            self.asking += 1;
            return Next::Group(group);
        }
        if self.asking > 0 && !self.places.is_empty() {
            return Next::Later;
        }
        while let Some(group) = self.others.pop_front() {
            self.taken += 1;
            if let Some(group) = group {
                return Next::Group(group);
            }
        }
        Next::Nothing
    }

    /// An e-mail meant this user, or nobody; what else there is to do for the same.
    pub(super) fn looked_up(&mut self, user: Option<&str>) -> Option<Group> {
        self.asking = self.asking.saturating_sub(1);
        let place = self.places.get(user?)?.checked_sub(self.taken)?;
        self.others.get_mut(place)?.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(who: Who, rows: &[u32]) -> Group {
        Group { who, rows: rows.to_vec(), calls: 0 }
    }

    fn rows(next: Next) -> Option<Vec<u32>> {
        match next {
            Next::Group(group) => Some(group.rows),
            Next::Later | Next::Nothing => None,
        }
    }

    #[test]
    fn who_is_named_in_two_ways_has_one_turn() {
        let id = |id: &str| Who::Id(id.to_owned());
        let mail = |mail: &str| Who::Email(mail.to_owned());
        let mut queue = Queue::new(vec![
            group(id("a"), &[0, 3]),
            group(mail("b@x"), &[1]),
            group(id("b"), &[2]),
            group(Who::Nobody, &[4]),
            group(mail("c@x"), &[5]),
        ]);
        assert_eq!(rows(queue.next()), Some(vec![1]));
        assert_eq!(rows(queue.next()), Some(vec![5]));
        assert!(matches!(queue.next(), Next::Later));
        assert!(queue.looked_up(None).is_none());
        assert!(matches!(queue.next(), Next::Later));
        assert_eq!(queue.looked_up(Some("b")).map(|group| group.rows), Some(vec![2]));
        assert_eq!(rows(queue.next()), Some(vec![0, 3]));
        // Too late for one whose turn has come, and nobody twice.
        assert!(queue.looked_up(Some("a")).is_none());
        assert!(queue.looked_up(Some("b")).is_none());
        assert_eq!(rows(queue.next()), Some(vec![4]));
        assert!(matches!(queue.next(), Next::Nothing));
    }

    #[test]
    fn one_way_alone_makes_nobody_wait() {
        for who in [Who::Id("a".to_owned()), Who::Email("a@x".to_owned())] {
            let mut queue = Queue::new(vec![group(who, &[0])]);
            assert_eq!(rows(queue.next()), Some(vec![0]));
            assert!(matches!(queue.next(), Next::Nothing));
        }
    }
}
