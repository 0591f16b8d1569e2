/* WIDE: the same function for processors with wider registers too, chosen when the library is loaded; WIDEST: for those
   of 512 bits as well, which pays where 16-bit numbers are made of 32-bit ones. Results are the same: there are only
   whole numbers in such functions, or doubles whose operations keep their order, and the compiler may not fuse a
   multiplication with an addition (-ffp-contract=off). Elsewhere, as on Arm and in WebAssembly, the functions are
   compiled once, for what every such machine has. */
#ifndef ROUNDEL_WIDE_H
#define ROUNDEL_WIDE_H

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#if __GNUC__ >= 12
#define WIDEST __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#endif
#else
#define WIDE
#endif
#ifndef WIDEST
#define WIDEST WIDE
#endif

#endif
