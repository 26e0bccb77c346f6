# Makes one JSON document of a qlog file of KWIK (urn:ietf:params:qlog:file:contained), for tools that read no sequences:
#   jq --seq -s -f contained.jq NAME.sqlog | tr -d '\036' > NAME.qlog
. as [$header]
| .[1:] as $events
| $header
| del(.trace)
| .file_schema = "urn:ietf:params:qlog:file:contained"
| .serialization_format = "application/qlog+json"
| .traces = [$header.trace + {events: $events}]
