//! The behaviour of a wrapped server, as clients see it on the wire.

#[cfg(test)]
mod app;
#[cfg(test)]
mod attesting;
#[cfg(test)]
mod audiences;
#[cfg(test)]
mod authorizing;
#[cfg(test)]
mod building;
#[cfg(test)]
mod checking;
#[cfg(test)]
mod enforcement;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod layering;
#[cfg(test)]
mod presigned;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod recorder;
#[cfg(test)]
mod session_attacks;
#[cfg(test)]
mod signing_in;
#[cfg(test)]
mod site;
#[cfg(test)]
mod trait_coverage;
#[cfg(test)]
mod wire;
