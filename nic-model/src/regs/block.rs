//! How a block of bytes in host memory is laid out: one declaration gives the value, both directions and the table for the
//! manual.
//!
//! All numbers in host memory are big-endian. Bytes that no field names are reserved: written as zero, ignored when read.

use std::net::{IpAddr, Ipv6Addr};
use wire::{Mac, Qpn};

/// A value that has a place in a block.
pub trait Field: Copy {
    /// Bytes that it takes.
    const BYTES: usize;
    /// Reads it from exactly [`BYTES`](Self::BYTES) bytes.
    fn get(bytes: &[u8]) -> Self;
    /// Writes it to exactly [`BYTES`](Self::BYTES) bytes.
    fn put(self, bytes: &mut [u8]);
}

/// Where a field is, for the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldAt {
    /// Byte in the block.
    pub offset: usize,
    /// Bytes.
    pub bytes: usize,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
}

/// The layout of a block, for the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Name of the block.
    pub name: &'static str,
    /// Its size.
    pub bytes: usize,
    /// What it is.
    pub about: &'static str,
    /// Its fields by rising offset.
    pub fields: &'static [FieldAt],
}

/// A named value of an open enumeration or one bit of a flag word, for the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The value.
    pub value: u64,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
}

macro_rules! number_fields {
    ($($number:ty),*) => {
        $(impl Field for $number {
            const BYTES: usize = size_of::<$number>();
            fn get(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$number>()];
                own.copy_from_slice(bytes);
                Self::from_be_bytes(own)
            }
            fn put(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_be_bytes());
            }
        })*
    };
}
number_fields!(u8, u16, u32, u64);

impl<const N: usize> Field for [u8; N] {
    const BYTES: usize = N;
    fn get(bytes: &[u8]) -> Self {
        let mut own = [0; N];
        own.copy_from_slice(bytes);
        own
    }
    fn put(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self);
    }
}

/// The low 24 bits of a word.
impl Field for Qpn {
    const BYTES: usize = 4;
    fn get(bytes: &[u8]) -> Self {
        Self::new(u32::get(bytes))
    }
    fn put(self, bytes: &mut [u8]) {
        self.value().put(bytes);
    }
}

impl Field for Mac {
    const BYTES: usize = 6;
    fn get(bytes: &[u8]) -> Self {
        Self(Field::get(bytes))
    }
    fn put(self, bytes: &mut [u8]) {
        self.0.put(bytes);
    }
}

/// An IP address in 16 bytes, IPv4 mapped into IPv6 (`::ffff:a.b.c.d`): the global identifier of RoCEv2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gid(pub [u8; 16]);

impl Gid {
    /// The address.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from(self.0).to_canonical()
    }

    /// All bytes zero: no address.
    #[must_use]
    pub const fn is_none(self) -> bool {
        u128::from_be_bytes(self.0) == 0
    }
}

impl From<IpAddr> for Gid {
    fn from(address: IpAddr) -> Self {
        // As numbers, which each packet that is received compares: put together byte by byte they cost many times as much.
        let number = match address {
            IpAddr::V4(address) => 0xffff << 32 | u128::from(u32::from(address)),
            IpAddr::V6(address) => address.into(),
        };
        Self(number.to_be_bytes())
    }
}

impl Field for Gid {
    const BYTES: usize = 16;
    fn get(bytes: &[u8]) -> Self {
        Self(Field::get(bytes))
    }
    fn put(self, bytes: &mut [u8]) {
        self.0.put(bytes);
    }
}

/// Declares a block: `offset name: type` per field.
macro_rules! block {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident[$bytes:literal] {
            $($(#[doc = $doc:literal])* $at:literal $field:ident: $type:ty,)*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $doc])* pub $field: $type,)*
        }

        impl $name {
            /// Bytes of the block.
            pub const BYTES: usize = $bytes;

            /// Where everything is, for the manual.
            pub const LAYOUT: $crate::regs::block::Layout = $crate::regs::block::Layout {
                name: stringify!($name),
                bytes: $bytes,
                about: concat!($($about),*),
                fields: &[$($crate::regs::block::FieldAt {
                    offset: $at,
                    bytes: <$type as $crate::regs::block::Field>::BYTES,
                    name: stringify!($field),
                    about: concat!($($doc),*),
                },)*],
            };

            /// The block in bytes.
            #[must_use]
            pub fn encode(&self) -> [u8; $bytes] {
                let mut bytes = [0; $bytes];
                $({
                    const END: usize = $at + <$type as $crate::regs::block::Field>::BYTES;
                    $crate::regs::block::Field::put(self.$field, &mut bytes[$at..END]);
                })*
                bytes
            }

            /// The block from its bytes. Every pattern of bits has a meaning; whether it is allowed is judged elsewhere.
            #[must_use]
            pub fn decode(bytes: &[u8; $bytes]) -> Self {
                Self {
                    $($field: {
                        const END: usize = $at + <$type as $crate::regs::block::Field>::BYTES;
                        $crate::regs::block::Field::get(&bytes[$at..END])
                    },)*
                }
            }

            /// The block at the start of `bytes`, `None` if they are too few.
            #[must_use]
            pub fn read(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().map(Self::decode)
            }
        }
    };
}

/// Declares an open enumeration: named values of a number, of which any other value is data too.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($repr:ty) {
            $($(#[doc = $doc:literal])* $variant:ident = $value:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $repr);

        impl $name {
            $($(#[doc = $doc])* pub const $variant: Self = Self($value);)*

            /// The named values, for the manual.
            pub const NAMED: &'static [$crate::regs::block::Named] = &[
                $($crate::regs::block::Named {
                    value: $value,
                    name: stringify!($variant),
                    about: concat!($($doc),*),
                },)*
            ];
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match Self::NAMED.iter().find(|named| named.value == u64::from(self.0)) {
                    Some(named) => f.write_str(named.name),
                    None => write!(f, concat!(stringify!($name), "({:#x})"), self.0),
                }
            }
        }

        impl $crate::regs::block::Field for $name {
            const BYTES: usize = size_of::<$repr>();
            fn get(bytes: &[u8]) -> Self {
                Self(<$repr as $crate::regs::block::Field>::get(bytes))
            }
            fn put(self, bytes: &mut [u8]) {
                $crate::regs::block::Field::put(self.0, bytes);
            }
        }
    };
}

/// Declares a word of flags; bits without a name are kept.
macro_rules! flags {
    (
        $(#[$meta:meta])*
        pub struct $name:ident: $repr:ty {
            $($(#[doc = $doc:literal])* const $flag:ident = $value:literal;)*
        }
    ) => {
        bitflags::bitflags! {
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
            pub struct $name: $repr {
                $($(#[doc = $doc])* const $flag = $value;)*
            }
        }

        impl $name {
            /// The named bits, for the manual.
            pub const NAMED: &'static [$crate::regs::block::Named] = &[
                $($crate::regs::block::Named {
                    value: $value,
                    name: stringify!($flag),
                    about: concat!($($doc),*),
                },)*
            ];
        }

        impl $crate::regs::block::Field for $name {
            const BYTES: usize = size_of::<$repr>();
            fn get(bytes: &[u8]) -> Self {
                Self::from_bits_retain(<$repr as $crate::regs::block::Field>::get(bytes))
            }
            fn put(self, bytes: &mut [u8]) {
                $crate::regs::block::Field::put(self.bits(), bytes);
            }
        }
    };
}

pub(crate) use {block, flags, open_enum};
