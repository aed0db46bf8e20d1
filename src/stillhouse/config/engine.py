"""Which options of vLLM may stand where in a teacher's entry.

`compute.engine` is neither tracked nor part of a completion's key, so it takes only what cannot
change a completion but for rounding: memory, scheduling, parallelism, kernels. `model.engine` is
part of the completions' identity and takes the others. From the engine arguments of vLLM 0.32; an
option that is on no list may change completions, so it belongs to `model.engine`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stillhouse.core.errors import did_you_mean

_COMPUTE = """
gpu_memory_utilization kv_cache_memory_bytes num_gpu_blocks_override block_size cpu_offload_gb
offload_backend offload_group_size offload_num_in_group offload_prefetch_step offload_params
kv_offloading_size kv_offloading_backend enable_cumem_allocator
max_num_seqs max_num_batched_tokens max_num_scheduled_tokens enable_chunked_prefill
long_prefill_token_threshold scheduling_policy scheduler_reserve_full_isl async_scheduling
stream_interval disable_hybrid_kv_cache_manager
enable_prefix_caching prefix_caching_hash_algo
pipeline_parallel_size distributed_executor_backend distributed_timeout_seconds
cpu_distributed_timeout_seconds max_parallel_loading_workers disable_custom_all_reduce
enable_expert_parallel all2all_backend enable_eplb eplb_config expert_placement_strategy
numa_bind numa_bind_nodes numa_bind_cpus device_ids
enforce_eager compilation_config optimization_level performance_mode cudagraph_capture_sizes
max_cudagraph_capture_size attention_backend moe_backend linear_backend disable_cascade_attn
enable_flashinfer_autotune
download_dir safetensors_load_strategy safetensors_prefetch_num_threads
safetensors_prefetch_block_size use_tqdm_on_load pt_load_map_location
limit_mm_per_prompt language_model_only skip_mm_profiling mm_processor_cache_gb
disable_log_stats aggregate_engine_logging log_level show_hidden_metrics_for_version
otlp_traces_endpoint collect_detailed_traces kv_cache_metrics cudagraph_metrics
enable_logging_iteration_details shutdown_timeout
"""
COMPUTE = frozenset(_COMPUTE.split())
"""What cannot change a completion but for rounding."""

DECIDED = {
    "model": "`model.source` decides it",
    "model_weights": "`model.source` decides it",
    "tokenizer": "`model.source` decides it",
    "revision": "`model.source` decides it",
    "tokenizer_revision": "`model.source` decides it",
    "code_revision": "`model.source` decides it",
    "served_model_name": "`model.name` decides it",
    "dtype": "write it as `model.dtype`",
    "max_model_len": "`context` decides it",
    "tensor_parallel_size": "`compute.tensor_parallel` decides it",
    "seed": "`decoding.seed` decides it",
    "generation_config": "`decoding` decides it",
    "override_generation_config": "`decoding` decides it",
    "runner": "a teacher generates",
    "convert": "a teacher generates",
    "hf_token": "a key stands in the environment alone, as HF_TOKEN",
}
"""What other keys of the entry say."""

_CODE = """
trust_remote_code worker_cls worker_extension_cls scheduler_cls logits_processors
model_class_overrides io_processor_plugin reasoning_parser_plugin additional_config
kv_transfer_config ec_transfer_config weight_transfer_config
"""
CODE = frozenset(_CODE.split())
"""What names code to be run."""

EXECUTORS = ("ray", "mp", "uni")
_IDENTITY = """
quantization quantization_config kv_cache_dtype kv_cache_dtype_skip_layers hf_overrides
load_format config_format hf_config_path tokenizer_mode model_impl speculative_config
disable_sliding_window enable_lora
"""
IDENTITY = frozenset(_IDENTITY.split())
"""Some of what may change completions, for suggestions."""


def engine_problems(compute: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with `compute.engine` and `model.engine`, a sentence each."""
    for place, options in (("compute.engine", compute), ("model.engine", model)):
        for name in options:
            if name in DECIDED:
                yield f"`{place}` sets {name!r}: {DECIDED[name]}; leave it out here"
            elif name in CODE:
                yield f"`{place}` sets {name!r}, which would run code that nothing pins"
    if compute.get("distributed_executor_backend", EXECUTORS[0]) not in EXECUTORS:
        yield f"`compute.engine.distributed_executor_backend` is one of {', '.join(EXECUTORS)}"
    for name in compute.keys() - COMPUTE - DECIDED.keys() - CODE:
        hint = "" if name in IDENTITY else did_you_mean(name, COMPUTE).split(" Known:")[0]
        yield (
            f"`compute.engine` sets {name!r}, which may change completions, but is not part of "
            f"their key; write it as `model.engine: {{{name}: ...}}`, which is{hint and '.' + hint}"
        )
    for name in model.keys() & COMPUTE:
        yield (
            f"`model.engine` sets {name!r}, which changes no completion; write it in "
            "`compute.engine`"
        )
