"""Hugging Face models in this process: attention, packed sequences, decoding."""

import os

# Told to do without AVX-512, torch lets oneDNN go on using it for attention in bfloat16, and then
# fails on its own half of that ("pack_vnni2 is only supported when avx512 is supported").
if os.environ.get("ATEN_CPU_CAPABILITY", "").lower() in ("default", "avx2"):
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
