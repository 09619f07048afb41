"""Run file -> validated Run."""

from .build import build as build
from .catalogue import catalogue as catalogue
from .durations import Duration as Duration
from .errors import DataError as DataError
from .errors import Place as Place
from .errors import Problem as Problem
from .errors import RunFileError as RunFileError
from .errors import UserError as UserError
from .json_schema import json_schema as json_schema
from .load import load as load
from .parts import Kind as Kind
from .run import Run as Run
from .slots import PartSpec as PartSpec
