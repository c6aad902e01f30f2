"""The services behind the operations of the control API."""

from lineside.api.background import BackgroundTasks
from lineside.api.dependencies import ApiDependencies
from lineside.api.downloads import DownloadOperations
from lineside.api.engines import EngineList, EngineOperations
from lineside.api.machine import MachineOperations
from lineside.api.model_inventory import ModelInventory
from lineside.api.model_readings import ModelReadings
from lineside.api.models import ModelOperations
from lineside.api.rehearsals import Rehearsals
from lineside.api.services import ServiceOperations
from lineside.api.voice_samples import VoiceSamples


class ApiServices:
    """What the operations work with, built once for a gateway."""

    def __init__(self, dependencies: ApiDependencies, tasks: BackgroundTasks) -> None:
        self.dependencies, self.tasks = dependencies, tasks
        self.engine_list = EngineList(dependencies.registry)
        self.engines = EngineOperations(self.engine_list, dependencies.registry, dependencies.fallbacks, tasks)
        self.voice_samples = VoiceSamples(self.engine_list)
        self.model_readings = ModelReadings(dependencies, self.engine_list, tasks)
        self.downloads = DownloadOperations(dependencies, tasks, when_over=self.model_readings.forget)
        self.inventory = ModelInventory(dependencies, self.engine_list, self.model_readings, self.downloads)
        self.models = ModelOperations(dependencies, self.inventory, self.model_readings, self.downloads)
        self.machine = MachineOperations(dependencies, tasks)
        self.services = ServiceOperations(dependencies)
        self.rehearsals = Rehearsals(dependencies, tasks)
