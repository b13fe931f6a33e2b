//! Which instruction sets there are, and which of them this machine has.

use std::fmt;
use std::str::FromStr;

use super::{ActivationFormat, Work};

/// Instruction sets with kernels of their own, the slowest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum InstructionSet {
    /// What every processor of the architecture has.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2 with the dot product of AVX-VNNI.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX-512 with the dot product of VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// Tiles of int8, and AVX-512.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// NEON with the dot product of Armv8.2.
    #[cfg(target_arch = "aarch64")]
    NeonDot,
}

/// Names in settings and in what `ModelService` tells, in the order of the enum.
#[cfg(target_arch = "x86_64")]
const NAMES: [(InstructionSet, &str); 5] = [
    (InstructionSet::Portable, "portable"),
    (InstructionSet::Avx2, "avx2"),
    (InstructionSet::AvxVnni, "avx-vnni"),
    (InstructionSet::Avx512Vnni, "avx512-vnni"),
    (InstructionSet::Amx, "amx"),
];
#[cfg(target_arch = "aarch64")]
const NAMES: [(InstructionSet, &str); 2] =
    [(InstructionSet::Portable, "portable"), (InstructionSet::NeonDot, "neon-dot")];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const NAMES: [(InstructionSet, &str); 1] = [(InstructionSet::Portable, "portable")];

/// An instruction set that this build does not know.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{value}\" is none of auto, {}", known())]
pub struct UnknownInstructionSet {
    value: String,
}

fn known() -> String {
    NAMES.map(|(_, name)| name).join(", ")
}

impl InstructionSet {
    /// Returns those that this machine has, the slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let all = NAMES.into_iter().map(|(instructions, _)| instructions);
        all.filter(|instructions| instructions.is_available()).collect()
    }

    /// Returns the fastest that this machine has.
    #[must_use]
    pub fn fastest() -> Self {
        Self::available().pop().unwrap_or(Self::Portable)
    }

    /// Returns the name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let mut all = NAMES.into_iter();
        all.find(|(instructions, _)| *instructions == self).map_or("portable", |(_, name)| name)
    }

    /// Tells whether this machine has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::has_avx2(),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => x86::has_avx2() && std::is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => x86::has_avx512_vnni(),
            #[cfg(target_arch = "x86_64")]
            Self::Amx => x86::has_avx512_vnni() && x86::has_amx(),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => std::arch::is_aarch64_feature_detected!("dotprod"),
        }
    }

    pub(super) fn format(self) -> ActivationFormat {
        match self {
            Self::Portable => ActivationFormat::Signed8,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => ActivationFormat::Signed16,
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni | Self::Avx512Vnni => ActivationFormat::Offset8,
            #[cfg(target_arch = "x86_64")]
            Self::Amx => ActivationFormat::Signed8,
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => ActivationFormat::Signed8,
        }
    }

    pub(super) fn vectors(self) -> Vectors {
        match self {
            Self::Portable => Vectors::Portable,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::AvxVnni => Vectors::Avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni | Self::Amx => Vectors::Avx512,
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => Vectors::Portable,
        }
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for InstructionSet {
    type Err = UnknownInstructionSet;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let mut all = NAMES.into_iter();
        all.find(|(_, name)| *name == value)
            .map(|(instructions, _)| instructions)
            .ok_or_else(|| UnknownInstructionSet { value: value.to_owned() })
    }
}

/// What work on f32 is compiled for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Vectors {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// Does work; made only by [`InstructionSet::vectors`] of an instruction set that the machine has.
    #[expect(unsafe_code, reason = "calls functions for certain processors")]
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            #[cfg(target_arch = "aarch64")]
            Self::Portable => work.run::<true>(),
            #[cfg(not(target_arch = "aarch64"))]
            Self::Portable => work.run::<false>(),
            // SAFETY: kernels are only made where the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { x86::run_avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { x86::run_avx512(work) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__cpuid_count, __get_cpuid_max};
    use std::sync::OnceLock;

    use super::Work;

    pub(super) fn has_avx2() -> bool {
        std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
    }

    pub(super) fn has_avx512_vnni() -> bool {
        has_avx2()
            && std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512vnni")
    }

    /// Tells whether the processor has tiles of int8 and the kernel lets this process use them.
    pub(super) fn has_amx() -> bool {
        /// Bits of EDX in leaf 7 (Intel SDM, CPUID): AMX-TILE and AMX-INT8.
        const TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
        // The answer can't change, and asking the kernel twice is no use.
        static ALLOWED: OnceLock<bool> = OnceLock::new();
        let (highest_leaf, _) = __get_cpuid_max(0);
        highest_leaf >= 7
            && __cpuid_count(7, 0).edx & TILE_AND_INT8 == TILE_AND_INT8
            && *ALLOWED.get_or_init(ask_for_tiles)
    }

    /// Asks Linux for the tiles (`arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`, Linux 5.16 and later).
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "a system call")]
    fn ask_for_tiles() -> bool {
        const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_ulong = 18;
        // SAFETY: this request takes two numbers and touches no memory of the process.
        let answer =
            unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) };
        answer == 0
    }

    #[cfg(not(target_os = "linux"))]
    fn ask_for_tiles() -> bool {
        false
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn run_avx2<W: Work>(work: W) -> W::Output {
        work.run::<true>()
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    pub(super) fn run_avx512<W: Work>(work: W) -> W::Output {
        work.run::<true>()
    }
}
