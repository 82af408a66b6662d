while IFS= read -r line; do
  id=${line#*\"id\":}
  id=${id%%[,\}]*}
  case $line in
    *'"method":"initialize"'*)
      said=
      if [ -e instructions.json ]; then IFS= read -r said < instructions.json; said=",\"instructions\":$said"; fi
      result="\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"docs\",\"version\":\"1\"}$said}" ;;
    *'"method":"tools/list"'*)
      IFS= read -r tools < tools.json
      if [ -n "$listed" ] && [ -e later.json ]; then IFS= read -r tools < later.json; fi
      listed=yes
      result="\"result\":{\"tools\":$tools}" ;;
    *'"method":"notifications/'*) continue ;;
    *) result='"error":{"code":-32601,"message":"no such method"}' ;;
  esac
  printf '%s\n' "{\"jsonrpc\":\"2.0\",\"id\":$id,$result}"
done
if [ -e slow ]; then n=0; while [ $n -lt 20000 ]; do n=$((n+1)); done; fi
: > ended
