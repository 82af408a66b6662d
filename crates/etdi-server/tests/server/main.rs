//! What a wrapped server does, seen from the wire.

#[cfg(test)]
mod app;
#[cfg(test)]
mod building;
#[cfg(test)]
mod checking;
#[cfg(test)]
mod enforcement;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod presigned;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod recorder;
#[cfg(test)]
mod trait_coverage;
#[cfg(test)]
mod wire;
