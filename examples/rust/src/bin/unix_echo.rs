//! A Unix socket with messages that have their length in front.
//!
//! What it teaches: a stream has no messages, so the length says where one ends; `read_exact` gives no more and no less. A Unix
//! socket is a path, which outlives its server: whoever made it removes it.
//!
//! ```text
//! cargo run --package ferrio-examples --bin unix_echo
//! ```

use std::io;

use ferrio::{StreamReader, StreamWriter};

#[ferrio::main]
async fn main() -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("ferrio-unix-echo-{}", std::process::id()));
    let serve = async |mut reader: StreamReader, mut writer: StreamWriter| {
        while let Ok(message) = receive(&mut reader).await {
            send(&mut writer, &message);
        }
    };
    let server = ferrio::start_unix_server(serve, &path)?;
    let (mut reader, mut writer) = ferrio::open_unix_connection(&path).await?;
    for message in ["hello", "", "two\nlines"] {
        send(&mut writer, message.as_bytes());
        let answer = receive(&mut reader).await?;
        println!("{message:?} came back as {:?}", String::from_utf8_lossy(&answer));
    }
    drop(server);
    std::fs::remove_file(&path)
}

fn send(writer: &mut StreamWriter, message: &[u8]) {
    // Cannot fail with messages as short as these.
    let length = u32::try_from(message.len()).expect("messages of this program are short");
    writer.write(&length.to_be_bytes());
    writer.write(message);
}

async fn receive(reader: &mut StreamReader) -> io::Result<Vec<u8>> {
    let length = reader.read_exact(4).await?;
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Ok(reader.read_exact(length).await?)
}
