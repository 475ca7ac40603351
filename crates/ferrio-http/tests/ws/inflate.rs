//! A second inflater (RFC 1951), slow and simple, that says how far back a message refers: zlib-rs always has a window of 32 KiB.

/// Appends what the packed bytes hold to `all`, and gives the largest distance.
pub(crate) fn inflate(packed: &[u8], all: &mut Vec<u8>) -> usize {
    let mut reader = Reader { packed, at: 0 };
    let mut furthest = 0;
    // Less than a block's three bits and a byte's padding are left at the end.
    while reader.at + 8 <= packed.len() * 8 {
        assert_eq!(reader.bits(1), 0, "no block is the last");
        match reader.bits(2) {
            0 => stored(&mut reader, all),
            1 => furthest = furthest.max(fixed(&mut reader, all)),
            2 => furthest = furthest.max(dynamic(&mut reader, all)),
            _ => panic!("no such block"),
        }
    }
    furthest
}

struct Reader<'a> {
    packed: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bits(&mut self, count: usize) -> usize {
        let bit = |at: usize| usize::from(self.packed.get(at / 8).copied().unwrap_or(0) >> (at % 8) & 1);
        let value = (0..count).map(|n| bit(self.at + n) << n).sum();
        self.at += count;
        value
    }

    fn symbol(&mut self, codes: &Codes) -> usize {
        let (mut code, mut first, mut passed) = (0, 0, 0);
        for count in &codes.counts[1..] {
            code |= self.bits(1);
            if code < first + count {
                return codes.symbols[passed + code - first];
            }
            passed += count;
            (first, code) = ((first + count) << 1, code << 1);
        }
        panic!("no code of {passed} begins so")
    }
}

/// Symbols in the order of their codes, and how many have codes of each length.
struct Codes {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Codes {
    fn new(lengths: &[usize]) -> Self {
        let mut symbols: Vec<_> = (0..lengths.len()).filter(|&symbol| lengths[symbol] > 0).collect();
        symbols.sort_by_key(|&symbol| lengths[symbol]);
        let mut counts = [0; 16];
        for &length in lengths {
            counts[length] += 1;
        }
        Self { counts, symbols }
    }
}

fn stored(reader: &mut Reader<'_>, all: &mut Vec<u8>) {
    reader.at = reader.at.next_multiple_of(8);
    if reader.at == reader.packed.len() * 8 {
        return; // The empty one at the end, whose length is not sent.
    }
    let (length, complement) = (reader.bits(16), reader.bits(16));
    assert_eq!(length ^ complement, 0xFFFF);
    all.extend((0..length).map(|_| u8::try_from(reader.bits(8)).unwrap()));
}

fn fixed(reader: &mut Reader<'_>, all: &mut Vec<u8>) -> usize {
    let literals: Vec<_> =
        [(8, 144), (9, 112), (7, 24), (8, 8)].iter().flat_map(|&(l, n)| vec![l; n]).collect();
    coded(reader, &literals, &[5; 30], all)
}

fn dynamic(reader: &mut Reader<'_>, all: &mut Vec<u8>) -> usize {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances, codes) = (reader.bits(5) + 257, reader.bits(5) + 1, reader.bits(4) + 4);
    let mut code_lengths = [0; 19];
    for &at in &ORDER[..codes] {
        code_lengths[at] = reader.bits(3);
    }
    let codes_of_lengths = Codes::new(&code_lengths);
    let mut lengths: Vec<usize> = Vec::new();
    while lengths.len() < literals + distances {
        let (value, times) = match reader.symbol(&codes_of_lengths) {
            16 => (*lengths.last().unwrap(), 3 + reader.bits(2)),
            17 => (0, 3 + reader.bits(3)),
            18 => (0, 11 + reader.bits(7)),
            length => (length, 1),
        };
        lengths.extend(vec![value; times]);
    }
    coded(reader, &lengths[..literals], &lengths[literals..], all)
}

fn coded(reader: &mut Reader<'_>, literals: &[usize], distances: &[usize], all: &mut Vec<u8>) -> usize {
    let (literals, distances) = (Codes::new(literals), Codes::new(distances));
    let mut furthest = 0;
    loop {
        match reader.symbol(&literals) {
            256 => return furthest,
            literal @ 0..256 => all.push(u8::try_from(literal).unwrap()),
            symbol => {
                let length = match symbol - 257 {
                    short @ 0..8 => 3 + short,
                    28 => 258,
                    long => 3 + ((4 + long % 4) << (long / 4 - 1)) + reader.bits(long / 4 - 1),
                };
                let distance = match reader.symbol(&distances) {
                    short @ 0..4 => 1 + short,
                    long => 1 + ((2 + long % 2) << (long / 2 - 1)) + reader.bits(long / 2 - 1),
                };
                furthest = furthest.max(distance);
                (0..length).for_each(|_| all.push(all[all.len() - distance]));
            }
        }
    }
}
