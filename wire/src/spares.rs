//! Frames that have been used up, in which others are built: an allocation for each packet takes longer than to fill it in.

use crate::packet::Frame;

/// Frames that have been used up. The last is built in first: it is in the nearest cache.
#[derive(Clone, Debug, Default)]
pub struct Spares(Vec<Spare>);

/// It is the box that is used again.
#[derive(Clone, Debug)]
struct Spare(Box<Frame>);

/// Most frames that one owner keeps.
const KEPT_MAX: usize = 64;
/// Most frames that are touched at once: what an owner builds in two microseconds, beyond those it uses up meanwhile.
const TOUCHED_MAX: usize = 12;
/// With more than these an owner gives away half, with less than a quarter of them it takes some.
const MANY: usize = 32;

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

    /// See [`Frame::touch`]: touches those that are built in next.
    #[must_use]
    pub fn touch(&self) -> usize {
        self.0.iter().rev().take(TOUCHED_MAX).fold(0, |sum, Spare(frame)| sum ^ frame.touch())
    }

    /// An owner that uses up more frames than it builds gives some to `all`, and one that builds more takes some.
    pub fn share(&mut self, all: &mut Self) {
        if self.0.len() > MANY {
            all.0.extend(self.0.drain(MANY / 2..));
        } else if self.0.len() < MANY / 4 {
            let some = all.0.len().saturating_sub(MANY / 2);
            self.0.extend(all.0.drain(some..));
        }
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
    fn who_has_many_gives_to_who_has_few() {
        let (mut giver, mut taker, mut all) = (Spares::new(), Spares::new(), Spares::new());
        (0..2 * KEPT_MAX).for_each(|_| giver.keep(Box::new(frame(0))));
        giver.share(&mut all);
        assert_eq!((giver.0.len(), all.0.len()), (MANY / 2, KEPT_MAX - MANY / 2));
        taker.share(&mut all);
        taker.share(&mut all);
        assert_eq!((taker.0.len(), all.0.len()), (MANY / 2, KEPT_MAX - MANY));
    }
}
