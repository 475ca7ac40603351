//! Packets over loopback.
#![cfg(not(miri))] // Miri watches no socket.

use std::io;

#[test]
fn packets_come_whole_with_their_sender() {
    ferrio::run(async {
        let one = ferrio::create_datagram_endpoint("127.0.0.1", 0).await.unwrap();
        let other = ferrio::create_datagram_endpoint("127.0.0.1", 0).await.unwrap();
        let (mine, theirs) = (one.local_address().unwrap(), other.local_address().unwrap());
        for size in [0, 1, 1000, 60_000] {
            let data: Vec<u8> = (0..=250).cycle().take(size).collect();
            one.send_to(&data, theirs).await.unwrap();
            assert_eq!(other.recv_from().await.unwrap(), (data, mine));
        }
        let too_large = one.send_to(&vec![0; 70_000], theirs).await.unwrap_err();
        assert_eq!(too_large.raw_os_error(), Some(90));
    });
}

#[test]
fn a_second_receiver_is_told_so() {
    ferrio::run(async {
        let endpoint = std::rc::Rc::new(ferrio::create_datagram_endpoint("127.0.0.1", 0).await.unwrap());
        let first = endpoint.clone();
        let waits = ferrio::create_task(async move { first.recv_from().await });
        ferrio::yield_now().await;
        let error = endpoint.recv_from().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        waits.cancel();
        assert!(waits.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_connected_endpoint_learns_that_nobody_is_there() {
    ferrio::run(async {
        let gone = ferrio::create_datagram_endpoint("127.0.0.1", 0).await.unwrap().local_address().unwrap();
        let endpoint = ferrio::create_datagram_endpoint("127.0.0.1", 0).await.unwrap();
        endpoint.connect(gone).unwrap();
        endpoint.send(b"anybody?").await.unwrap();
        let error = endpoint.recv_from().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}
