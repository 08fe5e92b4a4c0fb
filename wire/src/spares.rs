//! Frames that have been used up, in which others are built: an allocation for each packet takes longer than to fill it in.

use crate::packet::Frame;

/// Frames that have been used up. The last is built in first: it is in the nearest cache.
#[derive(Clone, Debug, Default)]
pub struct Spares(Vec<Spare>);

/// It is the box that is used again.
#[derive(Clone, Debug)]
struct Spare(Box<Frame>);

/// Most frames that one owner keeps: less than a megabyte.
const KEPT_MAX: usize = 4_096;

impl Spares {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Keeps a frame that nobody needs any more, unless there are plenty.
    pub fn keep(&mut self, frame: Box<Frame>) {
        if self.0.len() < KEPT_MAX {
            self.0.push(Spare(frame));
        }
    }

    /// Boxes a frame.
    #[must_use]
    #[inline]
    pub fn build(&mut self, new: Frame) -> Box<Frame> {
        match self.0.pop() {
            Some(Spare(mut frame)) => {
                frame.put(new);
                frame
            }
            None => Box::new(new),
        }
    }

    /// A copy of a frame.
    #[must_use]
    #[inline]
    pub fn copy(&mut self, original: &Frame) -> Box<Frame> {
        match self.0.pop() {
            Some(Spare(mut frame)) => {
                frame.copy(original);
                frame
            }
            None => Self::another(original),
        }
    }

    #[cold]
    fn another(original: &Frame) -> Box<Frame> {
        Box::new(original.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn frame(fill: u8) -> Frame {
        Frame::raw(Bytes::from(vec![fill; 60]))
    }

    #[test]
    fn frames_are_built_in_those_that_were_kept() {
        let mut spares = Spares::new();
        let used = Box::new(frame(1));
        let place = std::ptr::from_ref::<Frame>(&used);
        spares.keep(used);
        let built = spares.build(frame(2));
        assert_eq!((std::ptr::from_ref::<Frame>(&built), &*built), (place, &frame(2)));
        assert_eq!(*spares.build(frame(3)), frame(3), "there is none");
    }

    #[test]
    fn no_more_are_kept_than_that() {
        let mut spares = Spares::new();
        (0..=KEPT_MAX).for_each(|_| spares.keep(Box::new(frame(0))));
        assert_eq!(spares.0.len(), KEPT_MAX);
    }
}
