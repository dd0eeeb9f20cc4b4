//! Percent-encoding (RFC 3986 section 2.1).

/// The bytes that `text` stands for; `None` if a `%` has no two hexadecimal digits behind it.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match first {
            b'%' => {
                let (digits, behind) = rest.split_first_chunk::<2>()?;
                rest = behind;
                let digit = |at: usize| char::from(digits[at]).to_digit(16);
                u8::try_from(digit(0)? << 4 | digit(1)?).ok()?
            }
            byte => *byte,
        });
    }
    Some(bytes)
}
