"""Fields that take one of several models, told apart by the value of one key (`backend: vllm`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, Discriminator
from pydantic.fields import FieldInfo


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a model as they stand in a file."""
    return [field.alias or name for name, field in model.model_fields.items()]


@dataclass(frozen=True)
class Tagged:
    """The models that one field takes; each has the key `tag`, whose value names it."""

    tag: str
    models: Mapping[str, type[BaseModel]]

    @property
    def names(self) -> list[str]:
        """The values of `tag`."""
        return sorted(self.models)

    @property
    def keys(self) -> list[str]:
        """The keys that one or the other has."""
        return sorted({key for model in self.models.values() for key in keys_of(model)})

    def with_key(self, key: str) -> str:
        """Those that have a key, as one writes them: `backend: ray` or `backend: vllm`."""
        takers = [name for name in self.names if key in keys_of(self.models[name])]
        return " or ".join(f"`{self.tag}: {name}`" for name in takers)

    def named_by(self, value: Any) -> type[BaseModel]:
        """The model that a value names; if it names none, what all of them are."""
        name = value.get(self.tag) if isinstance(value, dict) else None
        models = list(self.models.values())
        shared = next(c for c in models[0].__mro__ if all(issubclass(each, c) for each in models))
        return self.models.get(name, shared) if isinstance(name, str) else shared


def tagged(field: FieldInfo) -> Tagged | None:
    """The models between which the value of `field` chooses by a tag, if it does."""
    annotation = field.rebuild_annotation()
    for kind in (annotation, *get_args(annotation)):  # a union with null holds it
        models, *metadata = get_args(kind) or (None,)
        tag = next((each.discriminator for each in metadata if isinstance(each, Discriminator)), "")
        if isinstance(tag, str) and tag:
            tags = [get_args(each.model_fields[tag].annotation)[0] for each in get_args(models)]
            return Tagged(tag, dict(zip(tags, get_args(models), strict=True)))
    return None
