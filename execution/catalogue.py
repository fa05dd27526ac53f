"""Block types that task editors offer and this engine does not run yet: they are refused by name, with their path."""

from __future__ import annotations

_NAMES = """
NoticeOperatorBp NoticeOperatorByUserBp
ModifyOperatorBackgroundBp ModifyOperatorDisableBp ModifyOperatorLabelBp MailBp
ScriptVariablesBp ScriptBp
PhotoElectricSiteVoBp CallLiftBp SetPickLiftSiteEmptyBp SetPutLiftSiteFilledBp
CAgvSendOperationBp CAgvMonitorOperationBp CAgcChangeDestinationBp CombinedOrderBp DistributeBp CAgvAreasToAreasBp
SweeperBp VehicleStationBp GetBatteryLevelBp GetPGVCodeBp GetBinTaskInfoBp ReadDIBp ReadDIWaitBp SetDOBp WaitPassBp
GetBp PostBp JdbcQueryBp JdbcExecuteBp
ModbusCommonReadBp ModbusCommonWriteBp ModbusCommonWaitBp ModbusCommonReadNameBp ModbusCommonWriteNameBp
ModbusCommonWaitNameBp ReadHoldingRegisterBp ReadInputRegisterBp ReadSingleCoilBp ReadSingleInputBp SetSingleCoilBp
SetSingleRegisterBp WaitSingleCoilBp WaitSingleRegisterBp BatchReadHoldingRegisterBp BatchReadInputRegisterBp
BatchReadSingleCoilBp BatchReadSingleInputBp BatchSetCoilBp BatchSetHoldingRegisterBp
OpcReadBp OpcWriteBp S7ReadBp S7WriteBp FinsReadBp FinsWriteBp MelsecReadBp MelsecWriteBp
"""
NOT_SUPPORTED_YET = frozenset(_NAMES.split())
"""Names as in task files; a name in the list gets "not supported yet", any other "no such block"."""

_BARE = frozenset(name.removesuffix("Bp") for name in NOT_SUPPORTED_YET if name.endswith("Bp"))


def is_known(name: str) -> bool:
    """Whether the name is one of the editors' blocks (some files leave out the ending ``Bp``)."""
    return name in NOT_SUPPORTED_YET or name in _BARE
