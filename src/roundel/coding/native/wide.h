/* WIDE: the same function for processors with wider registers too, chosen when the library is loaded. Results are the
   same: there are only whole numbers in such functions, or doubles whose operations keep their order, and the compiler
   may not fuse a multiplication with an addition (-ffp-contract=off). Elsewhere, as on Arm and in WebAssembly, the
   functions are compiled once, for what every such machine has. */
#ifndef ROUNDEL_WIDE_H
#define ROUNDEL_WIDE_H

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

#endif
