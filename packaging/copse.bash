# bash completion for copse. The program's own --help is what is completed, so that the two never differ.

# The mount points of copse, in which mountinfo writes a space as \040.
_copse_mount_points() {
  local line
  while read -r line; do
    [[ $line == *" - fuse.copse "* ]] || continue
    IFS=' ' read -r _ _ _ _ line _ <<<"$line"
    printf '%b\n' "${line//\\/\\0}"
  done </proc/self/mountinfo
}

# The words of `copse ARGUMENTS --help`: those of a section, and of a line only the first.
_copse_help() {
  local section=$1
  shift
  "${COMP_WORDS[0]}" "$@" --help 2>/dev/null | awk -v section="$section:" '
    /^[A-Z][a-z]+:$/ { inside = $0 == section }
    inside && /^  [^ ]/ { print $1 }'
}

_copse() {
  local IFS=$'\n' current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "$(_copse_help Subcommands; _copse_help Options | tr , '\n')" -- "$current"))
    return
  fi
  case $previous in
    --label | --listen | --peer | --address | --lifetime | --timeout) return ;;
    --role) COMPREPLY=($(compgen -W $'writer\nadmin' -- "$current")); return ;;
    -o)
      # The last of the options that commas part.
      local before=""
      [[ $current != *,* ]] || before=${current%,*},
      COMPREPLY=($(compgen -P "$before" -W \
        $'allow_other\nro\nsuid\ndev\nnoatime\nkeep_awake\nnokeep_awake\npassthrough\nnopassthrough\noffline\nlisten=\npeer=\nsquash_uid=\nsquash_gid=\nmap_uid=\nmap_gid=' \
        -- "${current##*,}"))
      compopt -o nospace 2>/dev/null
      return
      ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$(_copse_help Options "$command" | tr , '\n')" -- "$current"))
  elif [ "$command" = trash ] && [ "$COMP_CWORD" -eq 3 ]; then
    COMPREPLY=($(compgen -W $'list\nrestore\npurge' -- "$current"))
  elif [ "$command" = umount ]; then
    COMPREPLY=($(compgen -W "$(_copse_mount_points)" -- "$current"))
    compopt -o filenames 2>/dev/null
  else
    COMPREPLY=($(compgen -W "$(_copse_mount_points)" -- "$current") $(compgen -d -- "$current"))
    [ "$command" = init ] || [ "$command" = mount ] || COMPREPLY+=($(compgen -f -- "$current"))
    mapfile -t COMPREPLY < <(printf '%s\n' "${COMPREPLY[@]}" | sort -u)
    [ -n "${COMPREPLY[0]}" ] || COMPREPLY=()
    compopt -o filenames 2>/dev/null
  fi
}

complete -F _copse copse
