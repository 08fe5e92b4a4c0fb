//! WQEs to bytes and back.

use super::{
    AddressVector, Atomic, BLOCK_BYTES, Bind, Body, Control, Data, DataList, END_KEY, FastRegister, INLINE, Opcode,
    RemoteAddress, SendWqe, UNIT_BYTES, UNITS_MAX,
};
use bytes::{BufMut, Bytes};
use smallvec::SmallVec;

/// Why bytes are not a WQE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WqeError {
    /// No such operation, or not on this kind of queue pair.
    #[error("operation {0:?} is unknown here")]
    Opcode(Opcode),
    /// The length does not fit the operation, or is above [`UNITS_MAX`], or the bytes end before.
    #[error("{units} units of 16 bytes do not hold the segments")]
    Length {
        /// As the control segment says.
        units: u8,
    },
    /// An inline segment where the operation needs memory, or beside others.
    #[error("inline data where memory is needed")]
    Inline,
}

impl SendWqe {
    /// The blocks of the WQE, padded with zeros. The driver checks the list lengths against the limits before.
    ///
    /// # Panics
    /// If the segments are longer than [`UNITS_MAX`] units.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; Control::BYTES];
        match &self.body {
            Body::Empty => {}
            Body::Send(data) => put_data(data, &mut out),
            Body::Datagram(vector, data) => {
                out.put_slice(&vector.encode());
                put_data(data, &mut out);
            }
            Body::Remote(remote, data) => {
                out.put_slice(&remote.encode());
                put_data(data, &mut out);
            }
            Body::Atomic(remote, atomic, data) => {
                out.put_slice(&remote.encode());
                out.put_slice(&atomic.encode());
                out.put_slice(&data.encode());
            }
            Body::Bind(bind) => out.put_slice(&bind.encode()),
            Body::FastRegister(register) => out.put_slice(&register.encode()),
        }
        let units = out.len() / UNIT_BYTES;
        assert!(units <= UNITS_MAX, "the driver keeps to max_send_sge and max_inline_bytes");
        let control = Control { units: units as u8, ..self.control };
        out[..Control::BYTES].copy_from_slice(&control.encode());
        out.resize(out.len().next_multiple_of(BLOCK_BYTES), 0);
        out
    }

    /// The WQE at the start of `bytes`; `datagram` is the kind of the queue pair.
    ///
    /// # Errors
    /// See [`WqeError`].
    pub fn decode(bytes: &[u8], datagram: bool) -> Result<Self, WqeError> {
        let control = Control::read(bytes).ok_or(WqeError::Length { units: 0 })?;
        let length = WqeError::Length { units: control.units };
        let end = usize::from(control.units) * UNIT_BYTES;
        if usize::from(control.units) > UNITS_MAX {
            return Err(length);
        }
        let rest = bytes.get(Control::BYTES..end).ok_or(length)?;
        let body = match control.opcode {
            Opcode::NOP | Opcode::LOCAL_INVALIDATE => Body::Empty,
            Opcode::SEND | Opcode::SEND_IMMEDIATE if datagram => {
                let vector = AddressVector::read(rest).ok_or(length)?;
                Body::Datagram(vector, data_list(&rest[AddressVector::BYTES..], length)?)
            }
            other if datagram => return Err(WqeError::Opcode(other)),
            Opcode::SEND | Opcode::SEND_IMMEDIATE | Opcode::SEND_INVALIDATE => Body::Send(data_list(rest, length)?),
            Opcode::WRITE | Opcode::WRITE_IMMEDIATE | Opcode::READ => {
                let remote = RemoteAddress::read(rest).ok_or(length)?;
                let data = data_list(&rest[RemoteAddress::BYTES..], length)?;
                if control.opcode == Opcode::READ && matches!(data, DataList::Inline(_)) {
                    return Err(WqeError::Inline);
                }
                Body::Remote(remote, data)
            }
            Opcode::COMPARE_SWAP | Opcode::FETCH_ADD => {
                let remote = RemoteAddress::read(rest).ok_or(length)?;
                let atomic = Atomic::read(&rest[RemoteAddress::BYTES..]).ok_or(length)?;
                let data = Data::read(&rest[RemoteAddress::BYTES + Atomic::BYTES..]).ok_or(length)?;
                Body::Atomic(remote, atomic, data)
            }
            Opcode::BIND_WINDOW => Body::Bind(Bind::read(rest).ok_or(length)?),
            Opcode::FAST_REGISTER => Body::FastRegister(FastRegister::read(rest).ok_or(length)?),
            other => return Err(WqeError::Opcode(other)),
        };
        Ok(Self { control, body })
    }
}

fn put_data(list: &DataList, out: &mut Vec<u8>) {
    match list {
        DataList::Segments(segments) => segments.iter().for_each(|segment| out.put_slice(&segment.encode())),
        DataList::Inline(bytes) => {
            out.put_u32(INLINE | bytes.len() as u32);
            out.put_slice(bytes);
            out.resize(out.len().next_multiple_of(UNIT_BYTES), 0);
        }
    }
}

fn data_list(bytes: &[u8], length: WqeError) -> Result<DataList, WqeError> {
    let mut segments = SmallVec::new();
    for (index, unit) in bytes.chunks_exact(Data::BYTES).enumerate() {
        let segment = Data::read(unit).ok_or(length)?;
        if segment.length_bytes & INLINE == 0 {
            segments.push(segment);
            continue;
        }
        if index != 0 {
            return Err(WqeError::Inline);
        }
        let end = 4 + (segment.length_bytes & !INLINE) as usize;
        return bytes.get(4..end).map(|data| DataList::Inline(Bytes::copy_from_slice(data))).ok_or(length);
    }
    Ok(DataList::Segments(segments))
}

/// The receive WQE of `stride_bytes` for `segments`; those that do not fit are left out.
#[must_use]
pub fn encode_receive(segments: &[Data], stride_bytes: usize) -> Vec<u8> {
    let end = Data { key: END_KEY, ..Data::default() };
    let mut out: Vec<u8> = segments.iter().chain(std::iter::once(&end)).flat_map(Data::encode).collect();
    out.resize(stride_bytes, 0);
    out
}

/// The data segments of a receive WQE.
#[must_use]
pub fn decode_receive(bytes: &[u8]) -> SmallVec<[Data; 2]> {
    let segments = bytes.chunks_exact(Data::BYTES).filter_map(Data::read);
    segments.take_while(|segment| segment.key != END_KEY).collect()
}
