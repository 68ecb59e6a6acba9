/// Tells whether bytes that come in pieces are UTF-8.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose end has not come yet: at most three bytes.
    open: Vec<u8>,
    broken: bool,
}

impl Utf8 {
    /// Takes the next piece.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while !self.broken && !self.open.is_empty() {
            let Some((first, rest)) = bytes.split_first() else {
                return;
            };
            self.open.push(*first);
            bytes = rest;
            match std::str::from_utf8(&self.open) {
                Ok(_) => self.open.clear(),
                Err(error) => self.broken = error.error_len().is_some(),
            }
        }
        if self.broken {
            return;
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            self.broken = error.error_len().is_some();
            self.open
                .extend_from_slice(bytes.get(error.valid_up_to()..).unwrap_or_default());
        }
    }

    /// Whether all pieces together are UTF-8.
    pub(super) fn is_whole(&self) -> bool {
        !self.broken && self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_utf8(bytes: &[u8], piece: usize) -> bool {
        let mut text = Utf8::default();
        bytes.chunks(piece).for_each(|piece| text.take(piece));
        text.is_whole()
    }

    #[test]
    fn pieces_of_any_size_give_the_same_answer_as_the_whole() {
        let cases: [&[u8]; 7] = [
            b"",
            b"plain",
            "ä€𝄞 and more".as_bytes(),
            b"ISO-8859-1 \xe9",
            b"\xe9 in front",
            "cut €".as_bytes().split_last().unwrap().1,
            b"\xff\xff\xff",
        ];
        for bytes in cases {
            for piece in 1..=bytes.len().max(1) {
                assert_eq!(
                    is_utf8(bytes, piece),
                    std::str::from_utf8(bytes).is_ok(),
                    "{bytes:?} in {piece}"
                );
            }
        }
    }
}
