//! Datagrams: numbers, time-outs, sending again.
//!
//! What it teaches: a datagram may be lost, come twice, or late. So each has a number, the client waits for the answer with that
//! number for a limited time, and sends again. The server here loses every third on purpose.
//!
//! ```text
//! cargo run --package ferrio-examples --bin udp_echo
//! ```

use std::io;
use std::time::Duration;

use ferrio::{DatagramEndpoint, create_datagram_endpoint};

const PATIENCE: Duration = Duration::from_millis(100);

#[ferrio::main]
async fn main() -> io::Result<()> {
    let server = create_datagram_endpoint("127.0.0.1", 0).await?;
    let address = server.local_address()?;
    let serving = ferrio::create_task(echo(server));
    let client = create_datagram_endpoint("127.0.0.1", 0).await?;
    client.connect(address)?;
    for number in 1..=5_u8 {
        let tries = ask(&client, number).await?;
        println!("message {number}: answered at try {tries}");
    }
    serving.cancel();
    Ok(())
}

/// Sends until the answer with that number is there; how often it took.
async fn ask(client: &DatagramEndpoint, number: u8) -> io::Result<u32> {
    for tries in 1.. {
        client.send(&[number]).await?;
        // An answer that came late is for an earlier try, and as good.
        let answer = ferrio::timeout(PATIENCE, async {
            while client.recv_from().await?.0 != [number] {}
            io::Result::Ok(())
        });
        if let Ok(answered) = answer.await {
            return answered.map(|()| tries);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn echo(server: DatagramEndpoint) -> io::Result<()> {
    for count in 1_u64.. {
        let (data, from) = server.recv_from().await?;
        if count % 3 != 0 {
            server.send_to(&data, from).await?;
        }
    }
    Ok(())
}
