"""The slots of the Python types of functions, resources and buffers, as LLVM IR."""

from __future__ import annotations

from wasmwright.codegen import abi
from wasmwright.codegen.llvm.native import (
    BUFFER_RECORD,
    FUNC_INFO,
    FUNC_RECORD,
    FUNC_VECTORCALL,
    FUNC_WEAKREFS,
    RESOURCE_RELEASE,
    load,
    store,
)


def objects_ir() -> str:
    """Slots of the exported-function type and the buffer type."""
    return f"""
define ptr @ww_new_func(ptr %type, ptr %vectorcall, ptr %record, ptr %info) #0 {{
  %self = call ptr @PyType_GenericAlloc(ptr %type, i64 0)
  %failed = icmp eq ptr %self, null
  br i1 %failed, label %done, label %fill
fill:
{store("call", "ptr", "%vectorcall", "%self", FUNC_VECTORCALL)}
{store("record", "ptr", "%record", "%self", FUNC_RECORD)}
{store("info", "ptr", "%info", "%self", FUNC_INFO)}
  call void @Py_IncRef(ptr %info)
  br label %done
done:
  ret ptr %self
}}

define i32 @ww_func_traverse(ptr %self, ptr %visit, ptr %arg) #0 {{
{load("%type", "ptr", "%self", 8)}
  %first = call i32 %visit(ptr %type, ptr %arg)
  %stop = icmp ne i32 %first, 0
  br i1 %stop, label %out, label %info
info:
{load("%info.object", "ptr", "%self", FUNC_INFO)}
  %none = icmp eq ptr %info.object, null
  br i1 %none, label %out, label %visit_info
visit_info:
  %second = call i32 %visit(ptr %info.object, ptr %arg)
  ret i32 %second
out:
  ret i32 %first
}}

define i32 @ww_func_clear(ptr %self) #0 {{
{load("%info", "ptr", "%self", FUNC_INFO)}
  %none = icmp eq ptr %info, null
  br i1 %none, label %done, label %drop
drop:
{store("info", "ptr", "null", "%self", FUNC_INFO)}
  call void @Py_DecRef(ptr %info)
  br label %done
done:
  ret i32 0
}}

define void @ww_func_dealloc(ptr %self) #0 {{
  call void @PyObject_GC_UnTrack(ptr %self)
{load("%weak", "ptr", "%self", FUNC_WEAKREFS)}
  %none = icmp eq ptr %weak, null
  br i1 %none, label %clear, label %weakrefs
weakrefs:
  call void @PyObject_ClearWeakRefs(ptr %self)
  br label %clear
clear:
  %ignored = call i32 @ww_func_clear(ptr %self)
{load("%type", "ptr", "%self", 8)}
  call void @PyObject_GC_Del(ptr %self)
  call void @Py_DecRef(ptr %type)
  ret void
}}

define ptr @ww_new_resource(ptr %type, ptr %release) #0 {{
  %self = call ptr @PyType_GenericAlloc(ptr %type, i64 0)
  %failed = icmp eq ptr %self, null
  br i1 %failed, label %done, label %fill
fill:
{store("release", "ptr", "%release", "%self", RESOURCE_RELEASE)}
  call void @Py_IncRef(ptr %release)
  br label %done
done:
  ret ptr %self
}}

define void @ww_resource_dealloc(ptr %self) #0 {{
  %error = alloca ptr
  %value = alloca ptr
  %traceback = alloca ptr
{load("%release", "ptr", "%self", RESOURCE_RELEASE)}
  %none = icmp eq ptr %release, null
  br i1 %none, label %free, label %call
call:
  call void @PyErr_Fetch(ptr %error, ptr %value, ptr %traceback)
  %result = call ptr @PyObject_Vectorcall(ptr %release, ptr null, i64 0, ptr null)
  %failed = icmp eq ptr %result, null
  br i1 %failed, label %report, label %released
report:
  call void @PyErr_WriteUnraisable(ptr %release)
  br label %released
released:
  call void @Py_DecRef(ptr %result)
  call void @Py_DecRef(ptr %release)
  %e = load ptr, ptr %error
  %v = load ptr, ptr %value
  %t = load ptr, ptr %traceback
  call void @PyErr_Restore(ptr %e, ptr %v, ptr %t)
  br label %free
free:
{load("%type", "ptr", "%self", 8)}
  call void @PyObject_Free(ptr %self)
  call void @Py_DecRef(ptr %type)
  ret void
}}

define i32 @ww_get_buffer(ptr %self, ptr %view, i32 %flags) #0 {{
{load("%record", "ptr", "%self", BUFFER_RECORD)}
  %unset = icmp eq ptr %record, null
  br i1 %unset, label %empty, label %fill
empty:
  %nothing = call i32 @PyBuffer_FillInfo(ptr %view, ptr %self, ptr %self, i64 0, i32 0, i32 %flags)
  ret i32 %nothing
fill:
{load("%length", "i64", "%record", abi.MEMORY_LENGTH)}
{load("%base", "ptr", "%record", abi.MEMORY_BASE)}
  %result = call i32 @PyBuffer_FillInfo(ptr %view, ptr %self, ptr %base, i64 %length, i32 0, i32 %flags)
  ret i32 %result
}}
"""
