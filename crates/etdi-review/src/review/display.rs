//! Reviews in words. Attacker text is escaped here.

use std::fmt::{self, Display, Formatter};

use etdi_types::text::{escaped, escaped_json};

use super::{Change, Reason, Review};

impl Display for Review {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            write!(f, "\n  {change}")?;
        }
        Ok(())
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.class, escaped(&self.path))?;
        for reason in &self.reasons {
            write!(f, "\n    {reason}")?;
        }
        if let Some(old) = &self.old {
            write!(f, "\n    - {}", escaped_json(old))?;
        }
        if let Some(new) = &self.new {
            write!(f, "\n    + {}", escaped_json(new))?;
        }
        Ok(())
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.kind.explanation())?;
        match &self.detail {
            Some(detail) => write!(f, " ({})", escaped(detail)),
            None => Ok(()),
        }
    }
}
