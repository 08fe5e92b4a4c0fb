//! `--backend` and `--device`: where nodes run.

use super::answer::CommandError;
use clap::{Args, ValueEnum};
use scenarios::{Backend, Scenario};
use verbs::VerbsError;

/// Where nodes run.
#[derive(Clone, Debug, Args)]
pub(super) struct BackendArguments {
    /// What the nodes' NICs are
    #[arg(long, value_enum, default_value_t = Kind::Simulated)]
    backend: Kind,
    /// With --backend verbs: the RDMA devices, one for each node [default: all of this machine's]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    device: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Simulated NICs
    Simulated,
    /// RDMA devices of this machine, by libibverbs
    Verbs,
}

impl BackendArguments {
    /// What was chosen, for a scenario.
    pub(super) fn choose(&self, scenario: &Scenario) -> Result<Backend, CommandError> {
        match self.backend {
            Kind::Simulated if self.device.is_empty() => Ok(Backend::Simulated),
            Kind::Simulated => Err(CommandError::Option {
                message: "--device: simulated NICs have no devices".to_owned(),
                remedy: "add --backend verbs".to_owned(),
            }),
            Kind::Verbs => {
                let devices = self.devices()?;
                let (nodes, found) = (usize::from(scenario.cluster.nodes), devices.len());
                if found < nodes {
                    let message = format!("the scenario has {nodes} nodes, and there are {found} devices");
                    let remedy = "name as many with --device, or run a scenario of fewer nodes".to_owned();
                    return Err(CommandError::Option { message, remedy });
                }
                Ok(Backend::Verbs { devices: devices[..nodes].to_vec() })
            }
        }
    }

    /// Two devices, if they were chosen.
    pub(super) fn pair(&self) -> Result<Option<[String; 2]>, CommandError> {
        if self.backend == Kind::Simulated {
            return Ok(None);
        }
        let devices = self.devices()?;
        match <[String; 2]>::try_from(devices.into_iter().take(2).collect::<Vec<_>>()) {
            Ok(pair) => Ok(Some(pair)),
            Err(found) => Err(CommandError::Option {
                message: format!("the suite needs two devices, and there are {}", found.len()),
                remedy: "name two with --device ONE,OTHER".to_owned(),
            }),
        }
    }

    /// The names that were given, or all that there are.
    fn devices(&self) -> Result<Vec<String>, CommandError> {
        if !self.device.is_empty() {
            return Ok(self.device.clone());
        }
        let found =
            verbs::devices().and_then(|found| if found.is_empty() { Err(VerbsError::NoDevices) } else { Ok(found) });
        found.map_err(|error| CommandError::Option {
            message: format!("--backend verbs: {error}"),
            remedy: "run without --backend for simulated NICs".to_owned(),
        })
    }
}
