//! The fields of a multipart body.

use axum::body::Bytes;

/// One field of a form.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) file_name: Option<String>,
    pub(super) content: Bytes,
}

/// The fields of a form; none when it is malformed or ends too early.
pub(super) fn fields(content_type: &str, body: &Bytes) -> Option<Vec<Field>> {
    let (kind, parameters) = content_type.split_once(';')?;
    let boundary = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?;
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    if kind.trim() != "multipart/form-data" {
        return None;
    }
    let mut fields = Vec::new();
    let mut rest = body.slice(find(body, delimiter.as_bytes())? + delimiter.len()..);
    while !rest.starts_with(b"--") {
        let inside = rest.slice(rest.starts_with(b"\r\n").then_some(2)?..);
        let end_of_head = find(&inside, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(inside.get(..end_of_head)?).into_owned();
        let content = inside.slice(end_of_head + 4..);
        let end = find(&content, format!("\r\n{delimiter}").as_bytes())?;
        let parameter = |name: &str| {
            let (_, value) = head.split_once(&format!("{name}=\""))?;
            value.split_once('"').map(|(value, _)| value.to_owned())
        };
        let file_name = parameter("; filename");
        fields.push(Field { name: parameter("; name")?, file_name, content: content.slice(..end) });
        rest = content.slice(end + 2 + delimiter.len()..);
    }
    Some(fields)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    let mut at = 0;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == first)?;
        if text.get(at..)?.starts_with(part) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
        --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\nContent-Type: application/json\r\n\
        \r\n{\"a\":\r\n1}\n\r\n--x--\r\n";

    #[test]
    fn a_form_has_its_fields() {
        let fields = fields("multipart/form-data; boundary=x", &Bytes::from_static(FORM)).unwrap();
        assert_eq!((fields[0].name.as_str(), &fields[0].content[..]), ("purpose", &b"batch"[..]));
        assert_eq!(fields[1].file_name.as_deref(), Some("a.jsonl"));
        assert_eq!(&fields[1].content[..], b"{\"a\":\r\n1}\n");
    }

    #[test]
    fn a_form_that_is_cut_is_none() {
        for end in 0..FORM.len() - 4 {
            assert!(
                fields("multipart/form-data; boundary=x", &Bytes::copy_from_slice(&FORM[..end])).is_none(),
                "{end}"
            );
        }
    }
}
