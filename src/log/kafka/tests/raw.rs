//! Appends by Kafka's protocol itself, for what no client library lets through. Sources: the protocol guide
//! (Produce, version 3) and the format of record batches, version 2.

use std::io::{Read, Write};
use std::net::TcpStream;

/// A record as a stranger may write it.
#[derive(Default)]
pub(super) struct Strange<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// Appends a record to a topic's first partition.
pub(super) fn produce(bootstrap: &str, topic: &str, record: &Strange<'_>) {
    let batch = batch(record);
    let mut body = Vec::new();
    // No transaction; every replica in sync; ten seconds.
    body.extend([0xff, 0xff, 0xff, 0xff]);
    body.extend(10_000_u32.to_be_bytes());
    body.extend(1_u32.to_be_bytes());
    text(&mut body, topic);
    body.extend(1_u32.to_be_bytes());
    body.extend(0_u32.to_be_bytes());
    body.extend(u32::try_from(batch.len()).unwrap().to_be_bytes());
    body.extend(batch);
    let mut request = vec![0, 0, 0, 3, 0, 0, 0, 9];
    text(&mut request, "stranger");
    request.extend(body);
    let mut broker = TcpStream::connect(bootstrap).unwrap();
    broker.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    broker.write_all(&request).unwrap();
    let mut length = [0; 4];
    broker.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    broker.read_exact(&mut answer).unwrap();
    // The number of the request, one topic, its name, one partition, its number, and then the error.
    let at = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(answer[at..at + 2], [0, 0], "the broker refused it");
}

fn text(to: &mut Vec<u8>, text: &str) {
    to.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    to.extend(text.as_bytes());
}

/// A batch of one record.
fn batch(record: &Strange<'_>) -> Vec<u8> {
    let mut content = vec![0, 0, 0];
    optional(&mut content, record.key);
    optional(&mut content, record.value);
    varint(&mut content, record.headers.len() as i64);
    for (name, value) in &record.headers {
        optional(&mut content, Some(name));
        optional(&mut content, *value);
    }
    // Attributes, last offset, two times, producer, its epoch, its sequence, one record.
    let mut checked = vec![0; 2 + 4 + 8 + 8];
    checked.extend([0xff; 8 + 2 + 4]);
    checked.extend(1_u32.to_be_bytes());
    varint(&mut checked, content.len() as i64);
    checked.extend(content);
    let mut batch = vec![0; 8];
    batch.extend(u32::try_from(4 + 1 + 4 + checked.len()).unwrap().to_be_bytes());
    batch.extend([0xff, 0xff, 0xff, 0xff, 2]);
    batch.extend(crc32c(&checked).to_be_bytes());
    batch.extend(checked);
    batch
}

fn optional(to: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint(to, bytes.map_or(-1, |bytes| bytes.len() as i64));
    to.extend(bytes.unwrap_or_default());
}

fn varint(to: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap();
        rest >>= 7;
        if rest == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}
